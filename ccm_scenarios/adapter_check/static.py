"""What can be told of an adapter without a cloud."""

from __future__ import annotations

import dataclasses
import inspect
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ccm_scenarios.adapter_check.findings import Findings, Unmet, expect, expect_kind
from ccm_scenarios.adapter_check.verbs import ALWAYS, KINDS, VERBS, Verb
from ccm_scenarios.contract import (
    Capability,
    Endpoint,
    Implementation,
    KnownDeviation,
    NotDeclared,
    Provider,
    ProviderFactory,
    Timeouts,
)
from ccm_scenarios.contract.undeclared import Refusal
from ccm_scenarios.selection import MARKS
from ccm_scenarios.targets import OFFERED_BY_LOCAL_CLOUD

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_NOWHERE = "http://127.0.0.1:9"
"""The port of the discard service, which nobody offers."""


def check(factory: ProviderFactory, findings: Findings) -> None:
    """Check an adapter in every flavour."""
    with findings.about(f"adapter {factory.name}"):
        with findings.claim("its name can be a tag, and is no other tag"):
            expect(_NAME.fullmatch(factory.name) and factory.name not in MARKS, repr(factory.name))
        with findings.claim("its flavours differ", needed=True):
            expect(len(set(factory.flavours)) == len(factory.flavours), repr(factory.flavours))
    for flavour in factory.flavours:
        with findings.about(f"{factory.name} {flavour}"):
            _check_flavour(factory, flavour, findings)


def _check_flavour(factory: ProviderFactory, flavour: str, findings: Findings) -> None:
    with findings.claim("what it can declare are capabilities of an adapter", needed=True):
        most = frozenset(factory.capabilities(flavour))
        if foreign := [each for each in most if not isinstance(each, Capability)]:
            raise Unmet(f"no capabilities: {foreign}")
        if others := most & OFFERED_BY_LOCAL_CLOUD:
            raise Unmet(f"the target's to offer: {_names(others)}")
    with findings.claim("it connects without a call to the cloud, and starts no thread", needed=True):
        provider = connect_nowhere(factory, flavour)
    _check_provider(provider, factory, flavour, findings)
    declared = provider.capabilities
    for capability, verbs in VERBS.items():
        if capability in declared:
            with findings.claim(f"{capability.value}: it has {_list(verbs)}"):
                for verb in verbs:
                    _check_verb(provider, verb)
        elif capability not in most:
            with findings.claim(f"no {capability.value}: it refuses {_list(verbs)}"):
                for verb in verbs:
                    _check_refusal(provider, verb)
    with findings.claim(f"every adapter: it has {_list(ALWAYS)}"):
        for verb in ALWAYS:
            _check_verb(provider, verb)
    if withheld := most - declared:
        findings.skip(f"{_names(withheld)}", "declared only once the adapter knows more of its cluster")


def connect_nowhere(factory: ProviderFactory, flavour: str) -> Provider:
    """The adapter, told all there is to know of a cloud that does not exist.

    Raises:
        Unmet: it called somebody, or started a thread.
    """
    before = set(threading.enumerate())
    with _cut_off() as called:
        provider = factory.connect(endpoint=nowhere(factory), flavour=flavour, timeouts=Timeouts())
    if called:
        raise Unmet(f"it called {', '.join(called)}")
    if started := set(threading.enumerate()) - before:
        raise Unmet(f"it started {', '.join(thread.name for thread in started)}: workers are forked after it")
    return provider


def nowhere(factory: ProviderFactory) -> Endpoint:
    """Where nothing is; every field has some value, and so has every key of the node template that it reads."""
    known: dict[str, Any] = {"url": _NOWHERE, "nameserver": "127.0.0.1", "zones": ("zone-1", "zone-2")}
    known["node_template"] = dict.fromkeys(getattr(factory, "node_template_keys", ()), "check-adapter")
    texts = {field.name: "check-adapter" for field in dataclasses.fields(Endpoint) if field.default is None}
    return Endpoint(**{**texts, **known})


def _check_provider(provider: Provider, factory: ProviderFactory, flavour: str, findings: Findings) -> None:
    with findings.claim("it has all that every adapter has", needed=True):
        lacking = [name for name in _members(Provider) if not hasattr(provider, name)]
        expect(not lacking, f"missing: {', '.join(lacking)}")
    with findings.claim("it says who it is"):
        expect((provider.name, provider.flavour) == (factory.name, flavour), f"{provider.name} {provider.flavour}")
    with findings.claim("it declares no more than it can"):
        expect_kind(provider.capabilities, frozenset)
        more = provider.capabilities - frozenset(factory.capabilities(flavour))
        expect(not more, _names(more))
    with findings.claim("it names its upper bounds"):
        expect_kind(provider.timeouts, Timeouts)
    with findings.claim("it names the controller that is judged"):
        expect_kind(provider.implementation, Implementation)
        expect(provider.implementation.project and provider.implementation.url, repr(provider.implementation))
    with findings.claim("each known deviation has an issue, and a failure to tell it by"):
        for deviation in provider.known_deviations:
            expect_kind(deviation, KnownDeviation)
            expect(deviation.issue.startswith("https://"), f"{deviation.behaviour}: {deviation.issue!r}")
            re.compile(deviation.failure)
    with findings.claim("it says how its provider IDs begin"):
        expect_kind(provider.provider_id_prefix, str)
        expect(provider.provider_id_prefix, "not at all")
    for name in ("resolve", "describe"):
        with findings.claim(f"{name} takes what the contract passes"):
            _check_signature(name, vars(Provider)[name], getattr(provider, name))


def _check_verb(provider: Provider, verb: Verb) -> None:
    try:
        found = getattr(getattr(provider, verb.kind), verb.name, None)
    except NotDeclared:
        found = None
    if found is None or isinstance(found, Refusal):
        raise Unmet(f"there is no {verb}: write it, or declare less")
    if isinstance(verb.declaration, property):
        expect(found, f"{verb} is empty")
        return
    _check_signature(verb, verb.declaration, found)


def _check_signature(what: object, declaration: Any, found: Any) -> None:
    """That a method can be called in every way the contract's can."""
    wanted = list(inspect.signature(declaration).parameters.values())[1:]  # without self
    has = inspect.signature(found)
    positional = [parameter for parameter in wanted if parameter.kind is not parameter.KEYWORD_ONLY]
    by_name = {parameter.name: None for parameter in wanted if parameter.kind is parameter.KEYWORD_ONLY}
    needed = {p.name: None for p in wanted if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    for keywords in (by_name, needed):
        try:
            has.bind(*[None] * len(positional), **keywords)
        except TypeError as problem:
            raise Unmet(f"{what}: {problem}; the contract has {inspect.signature(declaration)}, it has {has}") from None


def _check_refusal(provider: Provider, verb: Verb) -> None:
    with _cut_off():
        try:
            value = verb.call(provider)
        except NotDeclared:
            return
        except Exception as error:
            raise Unmet(f"{verb} raises {type(error).__name__}, not NotDeclared: {error}") from error
    raise Unmet(f"{verb} returns {value!r} instead of raising NotDeclared: see contract.undeclared")


def _members(protocol: type) -> list[str]:
    return [name for name in vars(protocol) if not name.startswith("_")]


def uncovered() -> list[str]:
    """Verbs of the contract for which no capability is known to stand."""
    known = {(verb.kind, verb.name) for verbs in (*VERBS.values(), ALWAYS) for verb in verbs}
    return [f"{kind}.{name}" for kind, what in KINDS.items() for name in _members(what) if (kind, name) not in known]


def _list(verbs: tuple[Verb, ...]) -> str:
    return ", ".join(map(str, verbs))


def _names(capabilities: frozenset[Capability]) -> str:
    return ", ".join(sorted(each.value for each in capabilities))


@contextmanager
def _cut_off() -> Iterator[list[str]]:
    """A block without any network; yields whom it tried to call."""
    called: list[str] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        called.append(" ".join(str(each) for each in arguments if not isinstance(each, socket.socket)))
        raise ConnectionRefusedError("no call may be made here")

    names = ("connect", "connect_ex", "sendto")
    former = {name: getattr(socket.socket, name) for name in names}
    look_up = socket.getaddrinfo
    for name in names:
        setattr(socket.socket, name, refuse)
    socket.getaddrinfo = refuse
    try:
        yield called
    finally:
        for name, original in former.items():
            setattr(socket.socket, name, original)
        socket.getaddrinfo = look_up
