"""Packets that are passed on as they are, seen from both ends of real connections."""

from __future__ import annotations

from queue import Queue
from socket import SOCK_DGRAM, SOCK_STREAM

from ccm_scenarios.localcloud import addressing, conntrack, firewall, network
from ccm_scenarios.localcloud.firewall import Frontend, Interface, PassedListener
from ccm_scenarios.localcloud.health import Check, HealthChecker
from tests.localcloud.lab import Lab, inside_a_lab

FIRST, SECOND = "10.77.0.11", "10.77.0.12"
VIP, INTERNAL = "203.0.113.1", "10.77.0.40"
CLIENT = str(addressing.CLIENT)
FLOW, BY_CLIENT = ("ip saddr", "ip daddr", "th sport", "th dport"), ("ip saddr", "ip daddr")
ANSWERS = {f"i-first {CLIENT}", f"i-second {CLIENT}"}


class Balanced:
    """Two instances behind one address."""

    def __init__(self, lab: Lab, *, address: str = VIP, strict: bool = False) -> None:
        network.accept_any_source()
        self.lab = lab
        self.address = address
        self.interfaces = [
            Interface(lab.add_instance(name, own), own, ("all",), strict)
            for name, own in (("i-first", FIRST), ("i-second", SECOND))
        ]
        self.detours = network.Detours()
        self.detours.reconcile(
            {mark: network.Hop(one.address, one.link, 1) for mark, one in enumerate(self.interfaces, start=1)}
        )
        for name in ("i-first", "i-second"):
            network.take_for(lab.pid(name), {address})
            lab.serve(name, SOCK_STREAM, 80)
            lab.serve(name, SOCK_DGRAM, 80, address=address)

    def balance(
        self,
        *marks: int,
        by: tuple[str, ...] = FLOW,
        ports: tuple[int, int] = (80, 80),
        guard: str = "accept",
        preserve_client_ip: bool = True,
    ) -> None:
        listeners = [PassedListener(kind, *ports, marks, by, preserve_client_ip) for kind in ("tcp", "udp")]
        private = self.address if self.address == INTERNAL else None
        frontend = Frontend(self.address, private, None, passed_listeners=tuple(listeners))
        network.nft(firewall.render(self.interfaces, {"all": [guard]}, [frontend]))

    def answers(self, kind: object = SOCK_STREAM, place: str = "client") -> set[str]:
        return {self.lab.ask(place, kind, self.address, 80) for _ in range(24)}  # type: ignore[arg-type]


def test_flows_are_spread_as_they_are_and_answered_from_the_address() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab)
        balanced.balance(1, 2)
        for kind in (SOCK_STREAM, SOCK_DGRAM):
            assert balanced.answers(kind) == ANSWERS
        balanced.balance(2)
        assert balanced.answers() == {f"i-second {CLIENT}"}
        balanced.balance(1, 2, ports=(70, 90))
        assert balanced.answers() == ANSWERS
        balanced.balance(1, preserve_client_ip=False)
        assert balanced.answers() == {f"i-first {addressing.GATEWAY}"}

    inside_a_lab(act)


def test_what_no_rule_takes_gets_no_answer() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab)
        balanced.balance(1, 2, ports=(81, 90))
        assert lab.ask("client", SOCK_STREAM, VIP, 80) == "silence"
        balanced.balance()
        assert lab.ask("client", SOCK_STREAM, VIP, 80) == "silence"

    inside_a_lab(act)


def test_one_client_stays_with_one_instance_if_its_address_alone_is_hashed() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab)
        balanced.balance(1, 2, by=BY_CLIENT)
        one = balanced.answers()
        assert len(one) == 1
        balanced.balance(1, 2, 1, by=FLOW)
        balanced.balance(1, 2, by=BY_CLIENT)
        assert balanced.answers() == one, "also when the rules were made anew"

    inside_a_lab(act)


def test_a_flow_stays_with_its_instance_until_it_is_forgotten() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab)

        def answer() -> str:
            return lab.ask("client", SOCK_DGRAM, VIP, 80, source=CLIENT, source_port=5353)

        balanced.balance(1)
        assert answer() == f"i-first {CLIENT}"
        balanced.balance(2)
        assert answer() == f"i-first {CLIENT}"
        assert conntrack.forget({conntrack.Passage("udp", VIP, 80, 80, 2)}) == 0
        assert conntrack.forget({conntrack.Passage("udp", VIP, 81, 90, 1)}) == 0
        assert answer() == f"i-first {CLIENT}"
        assert conntrack.forget({conntrack.Passage("udp", VIP, 70, 90, 1)}) == 1
        assert answer() == f"i-second {CLIENT}"

    inside_a_lab(act)


def test_an_instance_lets_in_what_its_rules_allow_for_this_address() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab)
        for guard, answered in (
            (f"ip saddr {{ {CLIENT}/32 }} ip daddr {{ {VIP}/32 }} tcp dport 80-80 accept", True),
            (f"ip daddr {{ {FIRST}/32 }} tcp dport 80-80 accept", False),
            ("ip saddr { 192.0.2.0/24 } accept", False),
        ):
            balanced.balance(1, guard=guard)
            assert balanced.answers() == ({f"i-first {CLIENT}"} if answered else {"silence"}), guard

    inside_a_lab(act)


def test_an_instance_that_may_not_forward_is_passed_what_is_for_the_load_balancer() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab, strict=True)
        balanced.balance(1, 2)
        assert balanced.answers() == ANSWERS

    inside_a_lab(act)


def test_an_internal_address_is_reached_from_within_alone() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab, address=INTERNAL)
        third = "10.77.0.13"
        lab.add_instance("i-third", third)
        balanced.balance(1, 2)
        assert balanced.answers(place="i-third") == {f"i-first {third}", f"i-second {third}"}
        assert lab.ask("client", SOCK_STREAM, INTERNAL, 80) == "silence"

    inside_a_lab(act)


def test_packets_for_an_instance_that_is_gone_vanish() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab)
        balanced.balance(1)
        network.unlink_instance(balanced.interfaces[0].link)
        assert lab.ask("client", SOCK_STREAM, VIP, 80) == "silence"
        balanced.detours.reconcile({1: network.Hop(SECOND, balanced.interfaces[1].link, 1)})
        assert balanced.answers() == {f"i-second {CLIENT}"}
        balanced.detours.reconcile({1: None})
        assert lab.ask("client", SOCK_STREAM, VIP, 80) == "silence"
        balanced.detours.reconcile({})
        assert lab.ask("client", SOCK_STREAM, VIP, 80) in ("refused", "silence")

    inside_a_lab(act)


def test_an_instance_takes_packets_for_an_address_until_it_is_given_up() -> None:
    def act(lab: Lab) -> None:
        balanced = Balanced(lab)
        balanced.balance(1)
        network.take_for(lab.pid("i-first"), (), given_up={VIP})
        assert "i-first" not in lab.ask("client", SOCK_STREAM, VIP, 80)
        network.take_for(lab.pid("i-first"), {VIP})
        network.take_for(lab.pid("i-first"), {VIP}, given_up={"203.0.113.9"})
        assert lab.ask("client", SOCK_STREAM, VIP, 80) == f"i-first {CLIENT}"

    inside_a_lab(act)


def test_each_instance_behind_an_address_is_probed_by_itself() -> None:
    def act(lab: Lab) -> None:
        prober = "35.191.0.1"
        network.Addresses().reconcile(frozenset({prober}))
        balanced = Balanced(lab)
        lab.serve("i-second", SOCK_STREAM, 81)
        verdicts: Queue[tuple[int, bool, str]] = Queue()
        checker = HealthChecker[int](lambda key, healthy, seen: verdicts.put((key, healthy, seen)))

        def probe(guard: str) -> dict[int, bool]:
            balanced.balance(1, 2, guard=guard)
            checks = {
                mark: Check(VIP, 81, prober, "TCP", "", "", 1, 1, interval=0.1, timeout=0.5, mark=mark)
                for mark in (1, 2)
            }
            checker.reconcile(checks)
            found = {key: healthy for key, healthy, _ in (verdicts.get(timeout=10) for _ in checks)}
            checker.reconcile({})
            return found

        assert probe(f"ip saddr {{ {prober}/32 }} ip daddr {{ {VIP}/32 }} accept") == {1: False, 2: True}
        assert probe("ip saddr { 192.0.2.0/24 } accept") == {1: False, 2: False}

    inside_a_lab(act)
