"""Outside clients against real servers: what counts as an answer of the backend, and what as none."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest

from ccm_scenarios.contract import CloudError, Protocol, Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.fronts import Front
from ccm_scenarios.kube.pods import Named
from ccm_scenarios.traffic import engine, outside
from ccm_scenarios.traffic.affinity import Staying
from ccm_scenarios.traffic.outside import OutsideClients
from ccm_scenarios.traffic.rules import Rules
from ccm_scenarios.traffic.samples import Answerer, Outcome
from tests.traffic.servers import closed_port, closing_server, http_server, silent_server, udp_server

LOCAL = "127.0.0.1"
POD = "ccm-x-backend-5d9-abcde"


class Pods:
    """Stands for the handle on a Deployment, of which clients only ask whose answer it is."""

    def answers_as(self, text: str) -> bool:
        return text.startswith("ccm-x-backend-")


BACKEND = Pods()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "CLAIM_INTERVAL", 0.005)
    monkeypatch.setattr(outside, "ANSWER_SECONDS", 0.5)


def clients(
    resolve: Callable[[str], Sequence[str]] = lambda address: [address],
    *,
    bound: float = 20.0,
    ask: Callable[[], bool] = lambda: True,
) -> OutsideClients:
    return OutsideClients(Rules(Timeouts(lb_reachable=bound)), resolve, "ccm-scenarios/test", 0.2, ask)


def front(port: int, protocol: Protocol = Protocol.TCP, address: str = LOCAL) -> Front:
    return Front((address,), port, protocol)


@pytest.mark.parametrize("protocol", list(Protocol))
def test_the_backend_answers(protocol: Protocol) -> None:
    server: Callable[..., AbstractContextManager[int]] = http_server if protocol is Protocol.TCP else udp_server
    with server(name=POD) as port:
        clients().expect_reached(front(port, protocol), BACKEND)
        clients().expect_seen_as_themselves(front(port, protocol))
        with pytest.raises(Expectation, match="Last seen: good: "):
            clients(bound=2.0).expect_not_reached(front(port, protocol), BACKEND)


@pytest.fixture(params=["refusing", "closing", "silent", "error", "another", "silent UDP", "refusing UDP"])
def nobody(request: pytest.FixtureRequest) -> Iterator[Front]:
    """Fronts behind which the backend does not answer."""
    protocol = Protocol.UDP if "UDP" in request.param else Protocol.TCP
    match request.param.split()[0]:
        case "refusing":
            yield front(closed_port(), protocol)
        case "closing":
            with closing_server() as port:
                yield front(port)
        case "silent":
            with silent_server() as port:
                yield front(port, protocol)
        case "error":
            with http_server(name=POD, status=503) as port:
                yield front(port)
        case "another":
            with http_server(name="somebody-else") as port:
                yield front(port)


def test_nobody_is_no_answer(nobody: Front) -> None:
    clients().expect_not_reached(nobody, BACKEND)
    with pytest.raises(Expectation, match=r"Last seen: none: .*\nWaited:    \d\.\d s \(Timeouts.lb_reachable 2 s\)"):
        clients(bound=2.0).expect_reached(nobody, BACKEND)


def test_slow_is_not_silent_where_all_are_slow() -> None:
    asked: list[float] = []

    def ask() -> bool:
        asked.append(time.monotonic())
        time.sleep(0.5)
        return True

    with http_server(name=POD, after=0.4) as port:
        clients().expect_not_reached(front(port), BACKEND)  # nobody else is slow
        with pytest.raises(Expectation, match="Last seen: good: "):
            clients(bound=2.0, ask=ask).expect_not_reached(front(port), BACKEND)
    assert len(asked) > 1


def test_where_nobody_answers_at_all_silence_lasts_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "LONGEST_SILENCE", 0.6)
    with http_server(name=POD, after=0.4) as port, pytest.raises(Expectation, match="Last seen: good: "):
        clients(bound=2.0, ask=lambda: False).expect_not_reached(front(port), BACKEND)
    with silent_server() as port:
        clients(ask=lambda: False).expect_not_reached(front(port), BACKEND)


def test_silence_says_nothing_where_everything_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "LONGEST_SILENCE", 0.3)

    def ask() -> bool:
        time.sleep(0.4)
        return True

    with silent_server() as port, pytest.raises(Expectation, match=r"an answer within 0\.3 s of somebody who does"):
        clients(ask=ask).expect_not_reached(front(port), BACKEND)


def test_a_client_stays_with_one_pod() -> None:
    with http_server(name=POD) as port:
        clients().expect_one_pod(front(port), BACKEND)


def test_a_client_that_another_pod_answers_now_and_then_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    # One of so many tries: what settles other claims would settle this one, too.
    tries = itertools.count(1)

    def one_pod(_: Answerer) -> Staying:
        return Staying(lambda text: THERE_ONE if next(tries) % (outside.IN_A_ROW + 5) == 0 else text)

    monkeypatch.setattr(outside, "one_pod", one_pod)
    with http_server(name=POD) as port, pytest.raises(Expectation, match=f"answered, {outside.STAYS_IN_A_ROW} times"):
        clients(bound=2.0).expect_one_pod(front(port), BACKEND)


THERE_ONE = "ccm-x-backend-5d9-other"
HERE, THERE = Named(frozenset({POD})), Named(frozenset({THERE_ONE}))


@contextmanager
def name_of_two() -> Iterator[tuple[Callable[[float], OutsideClients], Front]]:
    """Clients that wait for so many seconds, and a name that leads to two addresses at which one Pod each answers."""
    (here,), (there,) = HERE.names, THERE.names
    with http_server(name=here) as port, http_server(name=there, address="127.0.0.2", port=port):
        yield lambda bound: clients(lambda _: [LOCAL, "127.0.0.2"], bound=bound), front(port, address="lb")


def test_every_address_behind_a_name_is_called() -> None:
    with name_of_two() as (patient, name):
        patient(60).expect_each_reached(name, Named(HERE.names | THERE.names))
        patient(60).expect_reached_everywhere(name, BACKEND)
        with pytest.raises(Expectation, match=r"127\.0\.0\.[12]:\d+: answered, 20 times in a row"):
            patient(2).expect_reached_everywhere(name, HERE)
        with pytest.raises(Expectation, match=r"127\.0\.0\.1:\d+: answered by each of .*\nLast seen: answered: " + POD):
            patient(2).expect_each_reached_everywhere(name, Named(HERE.names | THERE.names))


def test_each_address_behind_a_name_leads_to_one_part() -> None:
    with name_of_two() as (patient, name):
        patient(60).expect_parts(name, {"here": HERE, "there": THERE})
        both = {"here": Named(HERE.names | THERE.names), "there": Named(frozenset())}
        with pytest.raises(Expectation, match=r"leads to there\nLast seen: 127\.0\.0\.1: here, 127\.0\.0\.2: here"):
            patient(60).expect_parts(name, both)
        with pytest.raises(Expectation, match=r"127\.0\.0\.[12]:\d+: answered, 20 times in a row"):
            patient(2).expect_parts(name, {"here": HERE})


def test_a_name_that_leads_nowhere_has_no_addresses() -> None:
    with pytest.raises(Expectation, match="an IP address behind TCP lb:80"):
        clients(lambda _: []).expect_reached_everywhere(front(80, address="lb"), BACKEND)


def test_a_name_that_ended_is_no_answer() -> None:
    gone = front(80, address="lb.example.com")
    clients(lambda name: []).expect_not_reached(gone, BACKEND)
    with pytest.raises(Expectation, match=r"the name lb\.example\.com does not exist"):
        clients(lambda name: [], bound=2.0).expect_reached(gone, BACKEND)


def test_a_silent_name_server_proves_nothing() -> None:
    def resolve(name: str) -> Sequence[str]:
        raise CloudError("the name server does not answer")

    with pytest.raises(Expectation, match="Last seen: unknown: lb could not be looked up: the name server"):
        clients(resolve, bound=2.0).expect_not_reached(front(80, address="lb"), BACKEND)


def test_a_name_server_that_falls_silent_takes_nothing_back() -> None:
    looked_up = []

    def resolve(name: str) -> Sequence[str]:
        looked_up.append(name)
        if len(looked_up) > 1:
            raise CloudError("the name server does not answer")
        return [LOCAL]

    with http_server(name=POD) as port, clients(resolve).probing(front(port, address="lb"), BACKEND) as watched:
        while len(looked_up) < 3:
            time.sleep(0.05)
    watched.expect_every_try_answered()


def test_all_addresses_of_a_name_are_called() -> None:
    def resolve(name: str) -> Sequence[str]:
        return ["127.0.0.2", LOCAL]

    with http_server(name=POD) as port, pytest.raises(Expectation, match=r"127\.0\.0\.2: Connection refused"):
        clients(resolve, bound=2.0).expect_reached(front(port, address="lb"), BACKEND)


def test_a_name_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RESOLVE_INTERVAL", 0.01)
    found = iter([["127.0.0.2"]] * 5)
    with http_server(name=POD) as port:
        clients(lambda name: next(found, [LOCAL])).expect_reached(front(port, address="lb"), BACKEND)


def test_every_ingress_address_counts() -> None:
    with http_server(name=POD) as port, pytest.raises(Expectation, match=r"TCP 127\.0\.0\.2:"):
        both = Front((LOCAL, "127.0.0.2"), port, Protocol.TCP)
        clients(bound=2.0).expect_reached(both, BACKEND)


def test_without_an_address_nothing_is_claimed() -> None:
    nowhere = Front((), 80, Protocol.TCP)
    with pytest.raises(Expectation, match="somebody to call"):
        clients(bound=2.0).expect_reached(nowhere, BACKEND)
    with pytest.raises(Expectation, match="somebody to call"):
        clients(bound=2.0).expect_not_reached(nowhere, BACKEND)


@pytest.mark.parametrize(
    ("seen", "local", "same"),
    [
        ("198.51.100.10:4711", "198.51.100.10", True),
        ("10.77.0.10:4711", "198.51.100.10", False),
        ("[2001:db8::7]:4711", "2001:db8:0::7", True),
        ("[::ffff:198.51.100.10]:4711", "198.51.100.10", True),
        ("", "198.51.100.10", False),
        ("NOW: 2026", "198.51.100.10", False),
    ],
)
def test_whose_address_was_seen(seen: str, local: str, same: bool) -> None:
    answer = outside._same_client(seen, local)
    assert (answer.outcome is Outcome.GOOD) is same
    no_address = seen in ("", "NOW: 2026")
    other = outside._other_client(seen, local)
    assert (other.outcome is Outcome.GOOD) is not (same or no_address)


def test_one_flow_has_one_address_at_its_other_end() -> None:
    with udp_server(name=POD) as port:
        lead_to_two = clients(lambda _: [LOCAL, "127.0.0.2"])
        name = front(port, Protocol.UDP, address="lb")
        with lead_to_two.probing(name, BACKEND, source_port=closed_port()) as one_flow:
            time.sleep(0.2)
        one_flow.expect_every_try_answered()
        with lead_to_two.probing(name, BACKEND) as many:
            time.sleep(0.2)
        with pytest.raises(Expectation, match=r"127\.0\.0\.2"):
            many.expect_every_try_answered()


def test_probing_while_something_happens() -> None:
    with udp_server(name=POD) as port:
        source = closed_port()
        with clients().probing(front(port, Protocol.UDP), BACKEND, source_port=source) as probe:
            time.sleep(0.2)
        probe.expect_every_try_answered()
    with pytest.raises(Expectation, match="one ingress address to call"):
        clients(bound=2.0).probing(Front((), 80, Protocol.TCP), BACKEND)
