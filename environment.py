"""behave's hooks; what they do is in `ccm_scenarios.suite`."""

from __future__ import annotations

from typing import Any

import providers
from ccm_scenarios.suite import Suite

suite = Suite(providers)


def before_all(context: Any) -> None:
    suite.begin(context)


def before_dry_run(context: Any) -> None:
    suite.begin_dry_run(context)


def before_worker(context: Any) -> None:
    suite.begin_worker(context.place)


def after_worker(context: Any) -> None:
    suite.end_worker()


def sweep(context: Any, scenario: Any) -> None:
    suite.sweep(scenario)


def before_scenario(context: Any, scenario: Any) -> None:
    suite.begin_scenario(context, scenario)


def after_step(context: Any, step: Any) -> None:
    suite.end_step(context.scenario, step)


def after_scenario(context: Any, scenario: Any) -> None:
    suite.end_scenario(scenario)


def after_all(context: Any) -> None:
    suite.end(context)
