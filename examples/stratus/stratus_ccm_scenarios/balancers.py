"""Classic load balancers, as the controller names them after a Service's UID."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccm_scenarios.contract import (
    HealthCheck,
    Listener,
    LoadBalancer,
    OwnedResource,
    Protocol,
    ServiceRef,
    Target,
    TargetHealth,
)

from stratus_ccm_scenarios.api import Api

_ABSENT = frozenset({"LoadBalancerNotFound", "AccessPointNotFound"})
_IN_USE = frozenset({"DependencyViolation", "InvalidGroup.NotFound"})


def name_of(service: ServiceRef) -> str:
    """Of the Service's load balancer."""
    return f"a{service.uid.replace('-', '')}"[:32]


@dataclass(frozen=True)
class StratusBalancers:
    """The declared verbs of `contract.LoadBalancers`; the others are refused."""

    api: Api

    def find(self, service: ServiceRef) -> LoadBalancer | None:
        name = name_of(service)
        seen = self._described(name)
        health = self.api.call("elb", "describe_instance_health", absent=_ABSENT, LoadBalancerName=name)
        if seen is None or health is None:
            return None
        return LoadBalancer(
            id=f"{name}@{seen['CreatedTime'].isoformat()}",
            name=name,
            address=seen["DNSName"],
            listeners=tuple(
                Listener(
                    protocol=Protocol.TCP,
                    port=each["Listener"]["LoadBalancerPort"],
                    targets=tuple(
                        _target(state, each["Listener"]["InstancePort"]) for state in health["InstanceStates"]
                    ),
                    health_check=_check(seen["HealthCheck"]["Target"]),
                )
                for each in seen["ListenerDescriptions"]
            ),
            internal=seen["Scheme"] == "internal",
        )

    def owned_resources(self, service: ServiceRef) -> Sequence[OwnedResource]:
        owned = [OwnedResource("load balancer", name_of(service))] if self._described(name_of(service)) else []
        for group in self._groups(service):
            owned.append(OwnedResource("security group", group))
            owned += [OwnedResource("security group rule", f"{other} from {group}") for other in self._admitting(group)]
        return sorted(owned)

    def discard(self, service: ServiceRef) -> None:
        self.api.call("elb", "delete_load_balancer", absent=_ABSENT, LoadBalancerName=name_of(service))
        for group in self._groups(service):
            for other, rule in self._admitting(group).items():
                self.api.call("ec2", "revoke_security_group_ingress", GroupId=other, IpPermissions=[rule])
            self.api.call("ec2", "delete_security_group", absent=_IN_USE, GroupId=group)

    def services(self) -> Sequence[ServiceRef]:
        seen = self.api.call("elb", "describe_load_balancers")["LoadBalancerDescriptions"]
        names = {each["LoadBalancerName"]: self._service_of(each["LoadBalancerName"]) for each in seen}
        # The load balancer's name is all there is of the Service's UID.
        return [ServiceRef(*service, uid=name.removeprefix("a")) for name, service in names.items() if service]

    def _service_of(self, name: str) -> tuple[str, str] | None:
        """Namespace and name, as the controller's tag tells them; None for one that is no Service's, or gone."""
        answer = self.api.call("elb", "describe_tags", absent=_ABSENT, LoadBalancerNames=[name])
        told = answer["TagDescriptions"] if answer else ()
        tags = {tag["Key"]: tag["Value"] for each in told for tag in each["Tags"]}
        namespace, slash, service = tags.get("kubernetes.io/service-name", "").partition("/")
        return (namespace, service) if slash else None

    def _described(self, name: str) -> Mapping[str, Any] | None:
        answer = self.api.call("elb", "describe_load_balancers", absent=_ABSENT, LoadBalancerNames=[name])
        found: list[Mapping[str, Any]] = answer["LoadBalancerDescriptions"] if answer else []
        return found[0] if found else None

    def _groups(self, service: ServiceRef) -> list[str]:
        """IDs of the groups that admit clients to the Service's load balancer."""
        wanted = [{"Name": "group-name", "Values": [f"k8s-elb-{name_of(service)}"]}]
        found = self.api.call("ec2", "describe_security_groups", Filters=wanted)["SecurityGroups"]
        return [group["GroupId"] for group in found]

    def _admitting(self, group: str) -> dict[str, dict[str, Any]]:
        """Groups of others that admit this one, each with the rule by which it does."""

        def rules() -> Iterator[tuple[str, dict[str, Any]]]:
            for other in self.api.call("ec2", "describe_security_groups")["SecurityGroups"]:
                for rule in other["IpPermissions"]:
                    if any(pair["GroupId"] == group for pair in rule["UserIdGroupPairs"]):
                        ports = {key: rule[key] for key in ("FromPort", "ToPort") if key in rule}
                        pairs = [{"GroupId": group}]
                        yield other["GroupId"], {"IpProtocol": rule["IpProtocol"], **ports, "UserIdGroupPairs": pairs}

        return dict(rules())


def _target(state: Mapping[str, Any], port: int) -> Target:
    health = TargetHealth.HEALTHY if state["State"] == "InService" else TargetHealth.UNHEALTHY
    return Target(state["InstanceId"], port, health, state.get("Description", ""))


def _check(target: str) -> HealthCheck:
    """`TCP:30080` or `HTTP:31000/healthz`."""
    protocol, _, rest = target.partition(":")
    port, slash, path = rest.partition("/")
    return HealthCheck(protocol, int(port), slash + path)
