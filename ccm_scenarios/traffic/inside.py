"""A client inside the cluster: a Pod that calls for us; with its Node's network, the Node itself calls.

The Pod's application is asked over the API server's proxy to call others; no shell and no exec is involved.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import urllib3
from kubernetes.client import ApiException

from ccm_scenarios.contract import Protocol
from ccm_scenarios.kube.caches import one_line
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.pods import PodHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.traffic.engine import Probing, ThreadProbing
from ccm_scenarios.traffic.rules import Place, Rules
from ccm_scenarios.traffic.samples import Answer, Answerer, Outcome
from ccm_scenarios.traffic.watched import Watched

IN_A_ROW = 5
"""Equal outcomes one after another that settle a claim."""
CLAIM_INTERVAL = 0.05
"""Seconds between the starts of two tries that are not answered."""
WATCH_INTERVAL = 0.1
"""Seconds between the starts of two tries while something else happens: each passes the API server."""
KUBE_PROXY_METRICS = 10249
"""Where every kube-proxy tells its Node, and nobody else, about itself; Nodes no longer name its version."""
WATCH_LANES = 8
"""Tries under way at most."""
PATIENCE = 5.0
"""Seconds for which agnhost's netexec, the application, waits for an answer to each try."""
_SLACK = 5.0
"""Seconds beyond the application's patience after which the way to it is taken to be stuck."""


class InsideClient:
    """What a Pod gets when it calls.

    Args:
        cluster: whose API server reaches the Pod.
        rules: keep what was seen while something else happened.
        pod: who calls; ready.
    """

    def __init__(self, cluster: Cluster, rules: Rules, pod: PodHandle) -> None:
        self._cluster = cluster
        self._rules = rules
        self._pod = pod

    def service(self, service: ServiceHandle, backend: Answerer, node_addresses: Sequence[str]) -> list[Place]:
        """Each port of the Service at its cluster IP, at its name, and at its node port on each Node; the backend must
        answer.

        Args:
            node_addresses: IP addresses of Nodes; called only while the Service has node ports.
        """
        places = []
        for port in service.ports:
            targets = [(service.cluster_ip, port.number), (service.dns_name, port.number)]
            if port.node_port:
                targets += [(address, port.node_port) for address in node_addresses]
            places += [self.at(host, number, port.protocol, backend) for host, number in targets]
        return places

    def at(
        self,
        host: str,
        port: int,
        protocol: Protocol,
        backend: Answerer,
        *,
        in_a_row: int = IN_A_ROW,
        silent: bool = False,
    ) -> Place:
        """One port of an address or name; the backend must answer.

        Args:
            in_a_row: equal outcomes one after another that settle a claim.
            silent: whether no answer is expected. The application waits for one: it does so side by side.
        """
        judge = functools.partial(_from, backend)
        return self._place(host, port, protocol, "hostname", judge, in_a_row, silent=silent)

    def as_itself(self, host: str, port: int) -> Place:
        """One TCP port of an address or name; who answers must see the caller's own address."""
        return self._place(host, port, Protocol.TCP, "clientip", functools.partial(_seen_as, self._pod.address))

    def pod(self, other: PodHandle) -> Place:
        """Another Pod at its own address; it must answer itself."""

        def judge(said: str) -> Answer:
            return Answer(Outcome.GOOD if said == other.name else Outcome.NONE, f"answered by {said[:80]!r}")

        what = f"{self._caller} at {other} on {other.node}"
        return self._place(other.address, other.port, Protocol.TCP, "hostname", judge, what=what)

    def health(self, node_address: str, port: int, service: ServiceHandle) -> Place:
        """A Node's health check node port; a good answer says that the Node has endpoints of the Service."""
        what = f"the health check at {node_address}:{port}"
        judge = functools.partial(_has_endpoints, service.namespace, service.name)
        return self._place(node_address, port, Protocol.TCP, "healthz", judge, what=what)

    def kube_proxy(self, version: str) -> Place:
        """The kube-proxy of the Node as which the caller calls; it must say that it is of this version, or of one that
        begins so."""
        judge = functools.partial(_is_of_version, version)
        what = f"kube-proxy {version} on {self._pod.node}"
        return self._place("127.0.0.1", KUBE_PROXY_METRICS, Protocol.TCP, "metrics", judge, what=what)

    def probing(self, service: ServiceHandle, backend: Answerer) -> AbstractContextManager[Watched]:
        """Call the Service's cluster IP while a block runs, each try a connection or flow of its own."""
        what = f"{self._pod} at {service.cluster_ip}:{service.front.port}"
        call = functools.partial(
            self._dial,
            service.cluster_ip,
            service.front.port,
            service.front.protocol,
            "hostname",
            functools.partial(_from, backend),
            1,
        )
        begin = functools.partial(_begin, call, WATCH_INTERVAL, WATCH_LANES)
        return self._rules.watch(Place(what, begin, IN_A_ROW, f"a try each {WATCH_INTERVAL:g} s"))

    @property
    def _caller(self) -> str:
        return f"{self._pod} on {self._pod.node}"

    def _place(
        self,
        host: str,
        port: int,
        protocol: Protocol,
        request: str,
        judge: _Judge,
        in_a_row: int = IN_A_ROW,
        *,
        what: str = "",
        silent: bool = False,
    ) -> Place:
        what = what or f"{self._caller} at {protocol.value} {host}:{port}"
        dial = functools.partial(self._dial, host, port, protocol, request, judge)
        # Tries at one go would each wait for the one before: where the answers end meanwhile, nothing is told for long.
        call = functools.partial(dial, 1) if silent else functools.partial(_several, dial)
        begin = functools.partial(_begin, call, CLAIM_INTERVAL, in_a_row if silent else 1)
        return Place(what, begin, in_a_row, f"each {CLAIM_INTERVAL:g} s")

    def _dial(
        self, host: str, port: int, protocol: Protocol, request: str, judge: _Judge, tries: int
    ) -> Sequence[Answer]:
        """Have the Pod call a few times, each a connection or flow of its own, and judge what it was answered."""
        query = {
            "host": host,
            "port": str(port),
            "protocol": "http" if protocol is Protocol.TCP else "udp",
            "request": request,
            "tries": str(tries),
        }
        try:
            result = self._cluster.ask_pod(
                self._pod.namespace, self._pod.name, self._pod.port, "dial", query, seconds=tries * PATIENCE + _SLACK
            )
        except (ApiException, urllib3.exceptions.HTTPError, ValueError) as error:
            return [Answer(Outcome.UNKNOWN, f"the Pod could not be asked to call: {one_line(error)}")]
        answers = [judge(said) for said in result.get("responses") or []]
        failures = [Answer(Outcome.NONE, str(error)) for error in result.get("errors") or []]
        # The application leaves out all answers when the last try got none.
        untold = [Answer(Outcome.UNKNOWN, "the Pod did not tell")] * (tries - len(answers) - len(failures))
        return [*untold, *answers, *failures]


_Judge = Callable[[str], Answer]
"""What an answer's text is worth."""


def _several(dial: Callable[[int], Sequence[Answer]]) -> Sequence[Answer]:
    """One try; if it is answered, the others at one go: each question to the Pod costs more than a try of its own."""
    first = dial(1)
    return [*first, *dial(IN_A_ROW - 1)] if first[0].outcome is Outcome.GOOD else first


def _begin(call: Callable[[], Sequence[Answer]], interval: float, lanes: int, changed: Callable[[], None]) -> Probing:
    return ThreadProbing(call, interval, lanes=lanes, changed=changed)


def _from(backend: Answerer, said: str) -> Answer:
    if backend.answers_as(said):
        return Answer(Outcome.GOOD, f"{said} answered", by=said)
    return Answer(Outcome.NONE, f"another than the backend answered: {said[:80]!r}")


def _seen_as(address: str, said: str) -> Answer:
    seen = said.rpartition(":")[0].strip("[]").removeprefix("::ffff:")
    outcome = Outcome.GOOD if seen == address else Outcome.NONE
    return Answer(outcome, f"the caller has {address}, seen was {seen or repr(said[:80])}")


def _is_of_version(version: str, said: str) -> Answer:
    found = re.search(r'^kubernetes_build_info\{.*\bgit_version="([^"]*)"', said, re.MULTILINE)
    if found is None:
        return Answer(Outcome.NONE, f"no version in the answer {said[:80]!r}")
    has = found.group(1)
    return Answer(Outcome.GOOD if has.startswith(version) else Outcome.NONE, has)


def _has_endpoints(namespace: str, name: str, said: str) -> Answer:
    """As kube-proxy answers, and whatever stands for it: what was another Service's port may be a third one's now."""
    try:
        health = json.loads(said)
        endpoints = int(health["localEndpoints"])
        whose = health["service"]["namespace"], health["service"]["name"]
    except (ValueError, KeyError, TypeError):
        return Answer(Outcome.NONE, f"no health in the answer {said[:80]!r}")
    if whose != (namespace, name):
        return Answer(Outcome.NONE, f"the health of another Service: {'/'.join(map(str, whose))}")
    return Answer(Outcome.GOOD if endpoints else Outcome.NONE, f"{endpoints} local endpoints")
