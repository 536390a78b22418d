"""Clients outside the cluster: this machine, which is no Node and no Pod.

Where the cluster is a local cloud, the thread that starts them has entered a network "on the internet".
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from ccm_scenarios.contract import Protocol
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.fronts import Front
from ccm_scenarios.kube.pods import Named
from ccm_scenarios.traffic.affinity import one_of, one_pod
from ccm_scenarios.traffic.beside import Beside
from ccm_scenarios.traffic.engine import Call, Judge, Resolve, SocketProbing
from ccm_scenarios.traffic.rules import Place, Rules
from ccm_scenarios.traffic.samples import Answer, Answerer, Outcome
from ccm_scenarios.traffic.watched import Watched

CLAIM_INTERVAL = 0.01
"""Seconds between the starts of two tries of a claim: fast enough that many tries in a row take little time."""
WATCH_INTERVAL = 0.02
"""Seconds between the starts of two tries while something else happens; an outage is measured to within two of them."""
_ASKED_ONCE = "0 s: names were looked up once"
IN_A_ROW = 20
"""Equal outcomes one after another that settle a claim; each try is a flow of its own and meets any of the targets:
of three targets one that does not answer is missed by this many tries once in 3000 claims."""
CLAIM_IN_FLIGHT = IN_A_ROW
"""Tries of a claim that may be in flight. What cannot keep up is called no faster than it answers: else tries that
nobody waits for any more would be all that a slow load balancer is busy with, and it would never catch up."""
STAYS_IN_A_ROW = 60
"""As `IN_A_ROW`, where all must come from the same. Two targets of three may lead to it, and the claim is made again
and again until its time is up: the third is missed so often in a row once in 10^10 tries."""
ANSWER_SECONDS = 2.0
"""How long one try waits for its answer where one is expected."""
LONGEST_SILENCE = 5.0
"""How long one try waits at most where no answer is expected, however slow everything is."""
WATCH_ANSWER_SECONDS = 5.0
"""How long one waits while something else happens. Slow is not lost: that is told by those that overtake it."""


class OutsideClients:
    """What clients outside the cluster get at a Service's ingress addresses.

    Args:
        rules: decide when an answer, or none, counts.
        resolve: an address's IP addresses; asked again and again, because a name may lead elsewhere or end.
        agent: name of these clients in their requests.
        silence: seconds one try waits for its answer where none is expected, at least.
        ask: asks somebody who does answer, on a way like theirs, and returns whether he did: where that takes longer,
            silence does, too.
    """

    def __init__(
        self, rules: Rules, resolve: Resolve, agent: str, silence: float, ask: Callable[[], bool] = lambda: True
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._agent = agent
        self._silence = silence
        self._ask = ask

    def expect_reached(self, front: Front, backend: Answerer) -> None:
        """That the backend answers at every ingress address, each try on a connection or flow of its own."""
        self._rules.expect_up(*self._places(front, "hostname", _from(backend), ANSWER_SECONDS), timeout="lb_reachable")

    def expect_not_reached(self, front: Front, backend: Answerer) -> None:
        """That the backend answers at no ingress address; a name that ended, or another's answer, is none of its.

        A try that waited for no longer than others take to be answered at that time says nothing: the claim is made
        again, with more patience.
        """
        silence = self._silence
        while True:
            places = self._places(front, "hostname", _from(backend), silence)
            with Beside(self._ask) as beside:
                self._rules.expect_down(*places, timeout="lb_reachable")
            # Without any answer beside it nobody knows how slow it all is.
            needed = LONGEST_SILENCE if beside.slowest is None else beside.slowest
            if needed <= silence:
                return
            if silence >= LONGEST_SILENCE:
                expected = f"an answer within {silence:g} s of somebody who does answer, beside a silent {front}"
                raise Expectation(expected, f"it took {needed:.1f} s", "each try waited that long: slow, or silent?")
            silence = min(2 * needed, LONGEST_SILENCE)

    def expect_each_reached(self, front: Front, pods: Named) -> None:
        """That each of the Pods answers at every ingress address."""
        for place in self._places(front, "hostname", _from(pods), ANSWER_SECONDS):
            self._rules.expect_each(place, pods.names, timeout="lb_reachable")

    def expect_each_reached_everywhere(self, front: Front, pods: Named) -> None:
        """That each of the Pods answers at every IP address behind the ingress addresses."""
        self.expect_each_reached(self._spread(front), pods)

    def expect_reached_everywhere(self, front: Front, backend: Answerer) -> None:
        """That the backend answers at every IP address behind the ingress addresses."""
        self.expect_reached(self._spread(front), backend)

    def expect_parts(self, front: Front, parts: Mapping[str, Answerer]) -> None:
        """That at each IP address behind the ingress addresses one part of the backend answers, and no other; and that
        each part does so somewhere.

        Args:
            parts: by names for people.
        """
        call = self._claim(front, "hostname", ANSWER_SECONDS)
        judges = {address: one_of(parts) for address in self._spread(front).addresses}
        self._rules.expect_up(
            *(self._place(address, front, call, judge) for address, judge in judges.items()), timeout="lb_reachable"
        )
        if missing := parts.keys() - {judge.last for judge in judges.values()}:
            found = ", ".join(f"{address}: {judge.last}" for address, judge in judges.items())
            expected = f"an address of {front} that leads to {' and one that leads to '.join(sorted(missing))}"
            raise Expectation(expected, found, "0 s: each address has been called until it led to one alone")

    def expect_reached_over_both_families(self, front: Front, backend: Answerer) -> None:
        """That the backend answers at IPv4 and at IPv6 addresses behind the ingress addresses."""
        spread = self._spread(front)
        found = [ipaddress.ip_address(address) for address in spread.addresses]
        if missing := {4, 6} - {address.version for address in found}:
            what = " and ".join(f"IPv{version}" for version in sorted(missing))
            raise Expectation(f"an {what} address at {front}", ", ".join(map(str, found)) or "none", _ASKED_ONCE)
        self.expect_reached(spread, backend)

    def expect_one_pod(self, front: Front, backend: Answerer) -> None:
        """That one Pod answers a client at every try, at each ingress address."""
        call = self._claim(front, "hostname", ANSWER_SECONDS)
        places = [self._place(address, front, call, one_pod(backend)) for address in front.addresses]
        places = [replace(place, in_a_row=STAYS_IN_A_ROW) for place in places]
        self._rules.expect_up(*places, timeout="lb_reachable")

    def expect_seen_as_themselves(self, front: Front) -> None:
        """That the backend sees the very address each client calls from."""
        self._rules.expect_up(*self._places(front, "clientip", _same_client, ANSWER_SECONDS), timeout="lb_reachable")

    def expect_seen_as_another(self, front: Front) -> None:
        """That the backend sees an address that is not the client's."""
        self._rules.expect_up(*self._places(front, "clientip", _other_client, ANSWER_SECONDS), timeout="lb_reachable")

    def probing(
        self, front: Front, backend: Answerer, *, interval: float = WATCH_INTERVAL, source_port: int = 0
    ) -> AbstractContextManager[Watched]:
        """Call the Service while a block runs, each try on a connection of its own.

        Args:
            front: has one ingress address.
            interval: seconds between the starts of two tries.
            source_port: for UDP, to stay in one flow; 0 takes another for each try.
        """
        if len(front.addresses) != 1:
            raise Expectation("one ingress address to call", f"{front}", "0 s: the Service has it before it is called")
        (address,) = front.addresses
        call = Call(
            _protocol(front),
            front.port,
            "hostname",
            self._agent,
            interval,
            WATCH_ANSWER_SECONDS,
            source_port=source_port,
        )
        return self._rules.watch(self._place(address, front, call, _from(backend)))

    def _spread(self, front: Front) -> Front:
        """The IP addresses behind its ingress addresses, as they are now."""
        found = sorted({known for address in front.addresses for known in self._resolve(address)})
        if not found:
            raise Expectation(f"an IP address behind {front}", "none", _ASKED_ONCE)
        return replace(front, addresses=tuple(found))

    def _places(self, front: Front, request: str, judge: Judge, patience: float) -> list[Place]:
        call = self._claim(front, request, patience)
        return [self._place(address, front, call, judge) for address in front.addresses]

    def _claim(self, front: Front, request: str, patience: float) -> Call:
        return Call(_protocol(front), front.port, request, self._agent, CLAIM_INTERVAL, patience, most=CLAIM_IN_FLIGHT)

    def _place(self, address: str, front: Front, call: Call, judge: Judge) -> Place:
        return Place(
            what=f"a client outside the cluster at {front.protocol.value} {address}:{front.port}",
            begin=functools.partial(SocketProbing, address, call, judge, self._resolve),
            in_a_row=IN_A_ROW,
            pace=f"a try each {call.interval:g} s, {call.patience:g} s for its answer",
        )


def _protocol(front: Front) -> str:
    return "udp" if front.protocol is Protocol.UDP else "http"


def _from(backend: Answerer) -> Judge:
    # The same few texts come again and again.
    @functools.lru_cache(maxsize=256)
    def judge(text: str, _local: str) -> Answer:
        if backend.answers_as(text):
            return Answer(Outcome.GOOD, f"{text} answered", by=text)
        return Answer(Outcome.NONE, f"another than the backend answered: {text[:80]!r}")

    return judge


def _same_client(text: str, local: str) -> Answer:
    return _seen(text, local, same=True)


def _other_client(text: str, local: str) -> Answer:
    return _seen(text, local, same=False)


def _seen(text: str, local: str, *, same: bool) -> Answer:
    try:
        seen = ipaddress.ip_address(text.rpartition(":")[0].strip("[]"))
    except ValueError:
        return Answer(Outcome.NONE, f"no address in the answer {text[:80]!r}")
    if isinstance(seen, ipaddress.IPv6Address) and seen.ipv4_mapped is not None:
        seen = seen.ipv4_mapped
    is_good = (seen == ipaddress.ip_address(local)) == same
    return Answer(Outcome.GOOD if is_good else Outcome.NONE, f"the client called from {local}, the backend saw {seen}")
