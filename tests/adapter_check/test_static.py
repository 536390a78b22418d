"""What is wrong with an adapter's shape is found without a cloud, and named."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

import providers
from ccm_scenarios.adapter_check import static
from ccm_scenarios.adapter_check.findings import Findings
from ccm_scenarios.adapter_check.verbs import KINDS, VERBS, Verb
from ccm_scenarios.contract import (
    Capability,
    Endpoint,
    Implementation,
    InstanceNotFound,
    Instances,
    KnownDeviation,
    Timeouts,
    undeclared,
)
from tests.adapter_check.fakes import Factory


def check(factory: Any) -> tuple[Findings, list[str]]:
    """The findings, and each that fails in one line."""
    lines: list[str] = []
    findings = Findings(lines.append)
    static.check(factory, findings)
    return findings, [line for line in lines if line.startswith("FAILED")]


@pytest.mark.parametrize("name", providers.names())
def test_the_suites_own_adapters_have_the_contracts_shape(name: str) -> None:
    findings, failed = check(providers.find(name))
    assert not failed
    assert not findings.failed


class Changed(Factory):
    """A factory whose adapters have other parts."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def connect(self, *, endpoint: Any, flavour: str, timeouts: Timeouts) -> Any:
        adapter = super().connect(endpoint=endpoint, flavour=flavour, timeouts=timeouts)
        for name, part in self.parts.items():
            setattr(adapter, name, part)
        return adapter


class Named(Factory):
    name = "core"


class Twins(Factory):
    flavours = ("plain", "plain")


class Presumptuous(Factory):
    def capabilities(self, flavour: str) -> Collection[Capability]:
        return {Capability.FAULTS}


class Calling(Factory):
    def connect(self, **arguments: Any) -> Any:
        with contextlib.suppress(OSError):
            socket.create_connection(("192.0.2.1", 443), timeout=1)
        return super().connect(**arguments)


class Busy(Factory):
    def connect(self, **arguments: Any) -> Any:
        self.end = threading.Event()
        threading.Thread(target=self.end.wait, name="poller", daemon=True).start()
        return super().connect(**arguments)


class Stopless:
    """Of `Instances`, without `stop`."""

    def __getattr__(self, verb: str) -> Any:
        if verb == "stop":
            raise AttributeError(verb)
        return lambda *arguments, **keywords: None

    unknown_provider_id = "fake://none"


class Forgetful(Stopless):
    """It cannot be told whose place an instance takes."""

    def stop(self, instance_id: str) -> None: ...

    def launch(self, *, owner: str, node_labels: Mapping[str, str]) -> None: ...


class Silent:
    """Of `Routes`, all of which do nothing."""

    def list(self) -> list[Any]:
        return []


class Confused:
    """Of `Routes`, which are not told to be undeclared."""

    def list(self) -> None:
        raise InstanceNotFound("?")


@pytest.mark.parametrize(
    ("factory", "line"),
    [
        (Named(), "its name can be a tag, and is no other tag: 'core'"),
        (Twins(), "its flavours differ: ('plain', 'plain')"),
        (Presumptuous(), "what it can declare are capabilities of an adapter: the target's to offer: faults"),
        (Calling(), "starts no thread: it called 192.0.2.1 443"),
        (Busy(), "starts no thread: it started poller"),
        (Changed(routes=None, name="other"), "it says who it is: other plain"),
        (Changed(capabilities=frozenset(Capability)), "it declares no more than it can: api-server-control, "),
        (
            Changed(implementation=Implementation("", "1", "")),
            "it names the controller that is judged: Implementation(",
        ),
        (
            Changed(known_deviations=[KnownDeviation("x", "none", "y")]),
            "has an issue, and a failure to tell it by: x: 'none'",
        ),
        (
            Changed(known_deviations=[KnownDeviation("x", "https://x", "(")]),
            "a failure to tell it by: error: missing )",
        ),
        (Changed(provider_id_prefix=""), "it says how its provider IDs begin: not at all"),
        (Changed(resolve=lambda: []), "resolve takes what the contract passes: resolve: too many positional arguments"),
        (
            Changed(instances=Stopless()),
            "instance-stop: it has instances.stop, instances.start: there is no instances.stop",
        ),
        (Changed(instances=Forgetful()), "instances.launch: got an unexpected keyword argument 'in_place_of'"),
        (Changed(routes=Silent()), "routes.list returns [] instead of raising NotDeclared: see contract.undeclared"),
        (Changed(routes=Confused()), "routes.list raises InstanceNotFound, not NotDeclared"),
        (Changed(instances=undeclared("fake", Instances)), "there is no instances.get: write it, or declare less"),
    ],
)
def test_what_is_wrong_is_named(factory: Any, line: str) -> None:
    findings, failed = check(factory)
    assert findings.failed
    assert [each for each in failed if line in each], failed


@pytest.mark.parametrize("verb", [verb for verbs in VERBS.values() for verb in verbs], ids=str)
def test_each_verb_that_is_declared_and_not_there_is_named(verb: Verb) -> None:
    """What stands for verbs that an adapter does not declare takes its place, and looks like a verb."""
    whole = getattr(Factory().connect(endpoint=Endpoint(), flavour="routed", timeouts=Timeouts()), verb.kind)
    rest = SimpleNamespace(
        **{name: getattr(whole, name) for name in dir(whole) if name not in ("__class__", verb.name)}
    )
    part = undeclared("fake", KINDS[verb.kind], but=rest)
    _, failed = check(Changed(**{verb.kind: part}))
    assert [line for line in failed if f"there is no {verb}: write it, or declare less" in line], failed


def test_an_adapter_that_is_right_is_found_right() -> None:
    findings, failed = check(Factory())
    assert not failed
    assert str(findings).endswith("claims hold, 0 fail, 0 were not checked")


def test_the_network_is_back_after_a_check() -> None:
    check(Calling())
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass
