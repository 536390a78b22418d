"""The router's rules, seen from both ends of real connections."""

from __future__ import annotations

import itertools
from socket import SOCK_DGRAM, SOCK_STREAM

from ccm_scenarios.localcloud import addressing, conntrack, network
from ccm_scenarios.localcloud.aws import security_groups
from ccm_scenarios.localcloud.aws.desired import DesiredIngressRule, DesiredSecurityGroup
from ccm_scenarios.localcloud.firewall import FlowListener, Frontend, Interface
from tests.localcloud.lab import Lab, inside_a_lab

FIRST, SECOND = "10.77.0.11", "10.77.0.12"
VIP, PRIVATE = "203.0.113.1", "10.77.32.1"
OTHER_VIP, OTHER_PRIVATE = "203.0.113.2", "10.77.96.1"
CLIENT = str(addressing.CLIENT)


def _group(*rules: DesiredIngressRule) -> dict[str, DesiredSecurityGroup]:
    return {"sg-nodes": DesiredSecurityGroup("sg-nodes", "nodes", rules)}


def _interfaces(lab: Lab, *, source_dest_check: bool = False) -> list[Interface]:
    return [
        Interface(lab.add_instance(f"i-{name}", address), address, ("sg-nodes",), source_dest_check)
        for name, address in (("first", FIRST), ("second", SECOND))
    ]


def test_a_security_group_lets_in_what_it_says_and_nothing_else() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab)
        lab.serve("i-first", SOCK_STREAM, 80)
        lab.serve("i-first", SOCK_DGRAM, 80)
        assert lab.ask("client", SOCK_STREAM, FIRST, 80) == f"i-first {CLIENT}", "without rules the network just works"
        network.nft(security_groups.render(interfaces, _group(), []))
        assert lab.ask("client", SOCK_STREAM, FIRST, 80) == "silence"
        assert lab.ask("router", SOCK_STREAM, FIRST, 80) == "silence"
        for rule, answered in (
            (DesiredIngressRule("tcp", 80, 80, (f"{CLIENT}/32",)), True),
            (DesiredIngressRule("tcp", 79, 81, ("0.0.0.0/0",)), True),
            (DesiredIngressRule("-1", None, None, ("198.51.100.0/24",)), True),
            (DesiredIngressRule("tcp", 81, 90, ("0.0.0.0/0",)), False),
            (DesiredIngressRule("udp", 80, 80, ("0.0.0.0/0",)), False),
            (DesiredIngressRule("tcp", 80, 80, ("192.0.2.0/24",)), False),
            (DesiredIngressRule("-1", None, None, (), ("sg-nodes",)), False),
        ):
            network.nft(security_groups.render(interfaces, _group(rule), []))
            expected = f"i-first {CLIENT}" if answered else "silence"
            assert lab.ask("client", SOCK_STREAM, FIRST, 80) == expected, rule

    inside_a_lab(act)


def test_a_group_as_source_means_its_members() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab)
        lab.serve("i-first", SOCK_STREAM, 80)
        groups = _group(DesiredIngressRule("-1", None, None, (), ("sg-nodes", "sg-balancer")))
        balancer = Frontend(VIP, PRIVATE, ("sg-balancer",))
        network.Addresses().reconcile(frozenset({VIP, PRIVATE}))
        network.nft(security_groups.render(interfaces, groups, [balancer]))
        assert lab.ask("i-second", SOCK_STREAM, FIRST, 80) == f"i-first {SECOND}"
        assert lab.ask("client", SOCK_STREAM, FIRST, 80) == "silence"
        assert lab.ask("router", SOCK_STREAM, FIRST, 80, source=PRIVATE) == f"i-first {PRIVATE}"
        assert lab.ask("router", SOCK_STREAM, FIRST, 80, source=str(addressing.GATEWAY)) == "silence"

    inside_a_lab(act)


def test_the_source_destination_check_drops_what_is_not_the_instances_own() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab, source_dest_check=True)
        lab.serve("i-first", SOCK_STREAM, 80)
        everyone = _group(DesiredIngressRule("-1", None, None, ("0.0.0.0/0",)))
        pod = "10.244.0.5"
        lab._within("i-first", lambda: network.ip(f"addr add {pod}/32 dev lo\n"))
        routes = network.Routes()
        routes.reconcile({"10.244.0.0/24": network.Hop(FIRST, interfaces[0].link, 1)})
        network.nft(security_groups.render(interfaces, everyone, []))
        assert lab.ask("i-second", SOCK_STREAM, FIRST, 80) == f"i-first {SECOND}"
        assert lab.ask("i-second", SOCK_STREAM, pod, 80) == "silence"
        unchecked = [Interface(one.link, one.address, one.guards, False) for one in interfaces]
        network.nft(security_groups.render(unchecked, everyone, []))
        assert lab.ask("i-second", SOCK_STREAM, pod, 80) == f"i-first {SECOND}"
        routes.reconcile({})
        assert lab.ask("i-second", SOCK_STREAM, pod, 80) in ("silence", "refused")

    inside_a_lab(act)


def test_a_network_load_balancer_spreads_flows_and_keeps_or_hides_the_client() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab)
        for name in ("i-first", "i-second"):
            lab.serve(name, SOCK_STREAM, 30080)
            lab.serve(name, SOCK_DGRAM, 30081)
        everyone = _group(DesiredIngressRule("-1", None, None, ("0.0.0.0/0",)))
        network.Addresses().reconcile(frozenset({VIP, PRIVATE}))

        def balance(
            *, preserve: bool, targets: tuple[str, ...] = (FIRST, SECOND), ports: tuple[int, ...] = (80,)
        ) -> None:
            listeners = [
                FlowListener(kind, port, tuple((target, node_port) for target in targets), preserve)
                for kind, node_port in (("tcp", 30080), ("udp", 30081))
                for port in ports
            ]
            frontend = Frontend(VIP, PRIVATE, None, flow_listeners=tuple(listeners))
            network.nft(security_groups.render(interfaces, everyone, [frontend]))

        unused = itertools.count(20001)  # a port that the client used a moment ago belongs to that flow still

        def answers(kind: object, port: int = 80) -> set[str]:
            return {
                lab.ask("client", kind, VIP, port, source=CLIENT, source_port=next(unused))  # type: ignore[arg-type]
                for _ in range(24)
            }

        balance(preserve=True)
        for kind in (SOCK_STREAM, SOCK_DGRAM):
            assert answers(kind) == {f"i-first {CLIENT}", f"i-second {CLIENT}"}
        balance(preserve=False)
        for kind in (SOCK_STREAM, SOCK_DGRAM):
            assert answers(kind) == {f"i-first {PRIVATE}", f"i-second {PRIVATE}"}
        balance(preserve=True, targets=(SECOND,))
        assert answers(SOCK_STREAM) == {f"i-second {CLIENT}"}
        balance(preserve=True, ports=(81,))
        for kind in (SOCK_STREAM, SOCK_DGRAM):
            # The kernel says "unreachable" only so many times a second; the rest are dropped.
            assert answers(kind, 80) <= {"refused", "silence"}
            assert answers(kind, 81) == {f"i-first {CLIENT}", f"i-second {CLIENT}"}

    inside_a_lab(act)


def test_each_of_two_addresses_leads_where_its_zone_does_and_hides_the_client_behind_its_own() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab)
        for name in ("i-first", "i-second"):
            lab.serve(name, SOCK_STREAM, 30080)
        everyone = _group(DesiredIngressRule("-1", None, None, ("0.0.0.0/0",)))
        faces = ((VIP, PRIVATE, FIRST), (OTHER_VIP, OTHER_PRIVATE, SECOND))
        network.Addresses().reconcile(frozenset(address for face in faces for address in face[:2]))
        for preserve in (True, False):
            frontends = [
                Frontend(vip, private, None, (FlowListener("tcp", 80, ((target, 30080),), preserve),))
                for vip, private, target in faces
            ]
            network.nft(security_groups.render(interfaces, everyone, frontends))
            for vip, private, name in ((VIP, PRIVATE, "i-first"), (OTHER_VIP, OTHER_PRIVATE, "i-second")):
                seen = CLIENT if preserve else private
                assert {lab.ask("client", SOCK_STREAM, vip, 80) for _ in range(8)} == {f"{name} {seen}"}

    inside_a_lab(act)


def test_a_flow_stays_with_its_target_until_it_is_forgotten() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab)
        for name in ("i-first", "i-second"):
            lab.serve(name, SOCK_DGRAM, 30081)
        everyone = _group(DesiredIngressRule("-1", None, None, ("0.0.0.0/0",)))
        network.Addresses().reconcile(frozenset({VIP, PRIVATE}))

        def balance(target: str) -> None:
            listener = FlowListener("udp", 80, ((target, 30081),), preserve_client_ip=True)
            network.nft(security_groups.render(interfaces, everyone, [Frontend(VIP, PRIVATE, None, (listener,))]))

        def answer() -> str:
            return lab.ask("client", SOCK_DGRAM, VIP, 80, source=CLIENT, source_port=5353)

        balance(FIRST)
        assert answer() == f"i-first {CLIENT}"
        balance(SECOND)
        assert answer() == f"i-first {CLIENT}", "a network load balancer does not move a flow"
        assert conntrack.forget({conntrack.Way("udp", VIP, 81, FIRST, 30081)}) == 0
        assert answer() == f"i-first {CLIENT}"
        assert conntrack.forget({conntrack.Way("udp", VIP, 80, FIRST, 30081)}) == 1
        assert answer() == f"i-second {CLIENT}"
        assert conntrack.forget(set()) == 0

    inside_a_lab(act)


def test_a_private_address_is_not_reached_from_the_internet() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab)
        lab.serve("router", SOCK_STREAM, 80)
        lab.serve("i-first", SOCK_STREAM, 30080)
        everyone = _group(DesiredIngressRule("-1", None, None, ("0.0.0.0/0",)))
        network.Addresses().reconcile(frozenset({VIP, PRIVATE}))
        proxied = Frontend(PRIVATE, PRIVATE, None, proxied_ports=(80,))
        flows = Frontend(PRIVATE, PRIVATE, None, (FlowListener("tcp", 80, ((FIRST, 30080),), True),))
        for frontend, expected in ((proxied, f"router {SECOND}"), (flows, f"i-first {SECOND}")):
            network.nft(security_groups.render(interfaces, everyone, [frontend]))
            assert lab.ask("i-second", SOCK_STREAM, PRIVATE, 80) == expected
            assert lab.ask("client", SOCK_STREAM, PRIVATE, 80) == "silence"
            assert lab.ask("i-second", SOCK_STREAM, PRIVATE, 81) == "refused"
            assert lab.ask("router", SOCK_STREAM, FIRST, 30080, source=PRIVATE) == f"i-first {PRIVATE}"

    inside_a_lab(act)


def test_a_load_balancers_own_groups_filter_what_reaches_it() -> None:
    def act(lab: Lab) -> None:
        interfaces = _interfaces(lab)
        lab.serve("router", SOCK_STREAM, 80)
        network.Addresses().reconcile(frozenset({VIP, PRIVATE}))
        frontend = Frontend(VIP, PRIVATE, ("sg-balancer",), proxied_ports=(80,))
        for cidr, expected in ((f"{CLIENT}/32", f"router {CLIENT}"), ("192.0.2.0/24", "silence")):
            group = DesiredSecurityGroup("sg-balancer", "b", (DesiredIngressRule("tcp", 80, 80, (cidr,)),))
            network.nft(security_groups.render(interfaces, {"sg-balancer": group}, [frontend]))
            assert lab.ask("client", SOCK_STREAM, VIP, 80) == expected
            assert lab.ask("client", SOCK_STREAM, VIP, 81) == "refused"

    inside_a_lab(act)
