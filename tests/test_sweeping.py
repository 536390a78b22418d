"""Whose something is can be told by what it carries; and what `ccm-scenarios sweep` refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ccm_scenarios import catalogue
from ccm_scenarios.errors import UsageError
from ccm_scenarios.owner import Owner
from ccm_scenarios.sweep_command import age
from ccm_scenarios.sweeping import Scope
from tests.installed import CHECKOUT, PATIENCE

CLUSTER = "8a3cf0c5-3c5b-4f0e-9d6e-0f6a4b1c2d3e"
BEGAN = datetime(2026, 11, 27, 22, 0, 32, tzinfo=UTC)
OWNER = Owner(CLUSTER, "ab12cd34", "lb-provisioned", BEGAN)


def test_an_owner_is_read_as_it_was_written() -> None:
    assert str(OWNER) == f"{CLUSTER}/ab12cd34/lb-provisioned/20261127t220032z"
    assert Owner.parse(str(OWNER)) == OWNER
    now = Owner.now(CLUSTER, "ab12cd34", "lb-provisioned")
    assert Owner.parse(str(now)) == now


@pytest.mark.parametrize("text", ["", "run/scenario", "a/b/c/d", "a/b/c/d/e", "a/b/c/20261399t000000z", "k8s.io/x/y/z"])
def test_other_texts_are_nobodys(text: str) -> None:
    assert Owner.parse(text) is None


def test_every_scenarios_owner_is_as_short_as_clouds_want_it() -> None:
    ids = [one.id for one in catalogue.behaviours(CHECKOUT / "features", ("aws", "gcp"))]
    # A row of an outline adds its number.
    longest = max((str(Owner(CLUSTER, "ab12cd34", f"{each}-1.12", BEGAN)) for each in ids), key=len)
    assert len(longest) <= 128
    assert all(re.fullmatch(r"[a-z0-9/.-]+", str(Owner(CLUSTER, "ab12cd34", each, BEGAN))) for each in ids)


def test_a_namespaces_name_tells_run_and_cluster() -> None:
    name = f"ccm-x7k2p-{OWNER.namespace_suffix}"
    assert Owner.of_namespace(CLUSTER, name) == Owner(CLUSTER, "ab12cd34", "", None)
    assert Owner.of_namespace("9" + CLUSTER[1:], name) is None
    for other in ("default", "ccm-x7k2p", f"shop-{OWNER.namespace_suffix}", f"{name}-x"):
        assert Owner.of_namespace(CLUSTER, other) is None


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        (Scope(), ""),
        (Scope("ab12cd34", "lb-provisioned", BEGAN + timedelta(seconds=1)), ""),
        (Scope("other"), "of another run"),
        (Scope(scenario="other"), "of another scenario"),
        (Scope(before=BEGAN), "too young"),
    ],
)
def test_what_is_meant(scope: Scope, reason: str) -> None:
    assert scope.why_not(OWNER) == reason


def test_whose_beginning_is_not_known_is_over() -> None:
    assert Scope(before=BEGAN).why_not(Owner(CLUSTER, "ab12cd34", "", None)) == ""


def test_an_age_has_a_unit() -> None:
    assert [age(text) for text in ("90s", "30m", "2h", "1d")] == [
        timedelta(seconds=90),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(days=1),
    ]
    for text in ("", "2", "h", "-2h", "2 h", "2w", "1.5h", "100000d"):
        with pytest.raises(UsageError, match=r"--older-than .*: give a number and one of s, m, h and d"):
            age(text)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "name the cluster with -D kubeconfig=FILE"),
        (("-D", "localcloud=x"), "name the cluster with -D kubeconfig=FILE"),
        (("-D", "kubeconfig=/no/such"), "there is no such file"),
        (("-D", "kubeconfig=pyproject.toml"), "cannot be used"),
        (("--older-than", "soon"), "--older-than soon: give a number"),
        (("--provider", "asw"), "asw"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(arguments: tuple[str, ...], line: str) -> None:
    words = [*(() if "--provider" in arguments else ("--provider", "aws")), *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "ccm_scenarios.cli", "sweep", *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("ccm-scenarios: ")
    assert line in done.stderr
