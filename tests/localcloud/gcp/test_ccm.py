"""The real cloud controller manager for Compute Engine, on the emulated API and a real API server, without real nodes.

It is built only on request, so these tests are, too: `python -m ccm_scenarios.localcloud.binaries
gce-cloud-controller-manager`.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.binaries import prepare
from ccm_scenarios.localcloud.gcp.account import Account
from ccm_scenarios.localcloud.gcp.ccm import ccm_environment, cloud_config
from ccm_scenarios.localcloud.periods import QUICK
from tests.kube.control_plane import ControlPlane
from tests.localcloud.gcp.emulated import PROJECT, REGION, ZONE, Cloud, Endpoint
from tests.localcloud.host import require_built

NAME = "gce-cloud-controller-manager"
SECONDS = 120.0
INTERNAL = {"networking.gke.io/load-balancer-type": "Internal"}
UNINITIALISED = "node.cloudprovider.kubernetes.io/uninitialized"
ZONES = (ZONE, f"{REGION}-b")


def eventually(what: str, look: Callable[[], Any]) -> Any:
    """What `look` returns once that is true; a look that finds nothing may raise LookupError."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if found := look():
                return found
        except LookupError:
            pass
        assert time.monotonic() < deadline, f"not {what} after {SECONDS:.0f} s"
        time.sleep(0.1)


class Rig:
    """An API server, the emulated cloud, and the controller manager between them."""

    def __init__(self, plane: ControlPlane, endpoint: Endpoint, directory: Path) -> None:
        self.cloud = Cloud(endpoint, operation_seconds=0.05)
        self.account: Account = self.cloud.seed(2)
        config = directory / "gce.conf"
        config.write_text(cloud_config(self.account, self.cloud.url))
        self.core = kubernetes.client.CoreV1Api(
            kubernetes.config.new_client_from_config(config_file=str(plane.kubeconfig))
        )
        program = prepare(components=[NAME]).path(NAME)
        with (directory / "ccm.log").open("wb") as log:
            self._ccm = subprocess.Popen(
                [
                    program,
                    "--cloud-provider=gce",
                    f"--cloud-config={config}",
                    f"--kubeconfig={plane.kubeconfig}",
                    "--cluster-name=local",
                    "--leader-elect=false",
                    "--secure-port=0",
                    "--webhook-secure-port=0",
                    "--authentication-skip-lookup",
                    "--configure-cloud-routes=true",
                    f"--cluster-cidr={addressing.POD_CIDR}",
                    "--allocate-node-cidrs=true",
                    f"--node-monitor-period={QUICK.node_monitor}s",
                    f"--node-status-update-frequency={QUICK.node_addresses}s",
                    f"--route-reconciliation-period={QUICK.route_reconcile}s",
                    "-v=2",
                ],
                env={**os.environ, **ccm_environment(self.cloud.url.removeprefix("http://"))},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        for number, name in enumerate(self.account.node_names, start=1):
            self.register(name, f"10.244.{number}.0/24")

    def register(self, name: str, pod_cidr: str) -> None:
        """Make a Node as a kubelet with an external cloud provider does."""
        taint = {"key": UNINITIALISED, "value": "true", "effect": "NoSchedule"}
        self.core.create_node(
            {"metadata": {"name": name}, "spec": {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr], "taints": [taint]}}
        )
        self.beat(name, ready=True)

    def beat(self, name: str, *, ready: bool) -> None:
        condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "Test", "message": ""}
        self.core.patch_node_status(name, {"status": {"conditions": [condition]}})

    def node(self, name: str) -> Any:
        return next((one for one in self.core.list_node().items if one.metadata.name == name), None)

    def make_service(self, name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        ports = [{"port": 80, "protocol": "TCP"}]
        self.core.create_namespaced_service(
            "default",
            {
                "metadata": {"name": name, "annotations": annotations},
                "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": ports, **spec},
            },
        )

    def address(self, name: str) -> str:
        """The address in the Service's status, once it is there."""

        def look() -> Any:
            status = self.core.read_namespaced_service(name, "default").status
            return status.load_balancer.ingress and status.load_balancer.ingress[0].ip

        return str(eventually(f"an address in the status of {name}", look))

    def rule(self, address: str) -> Any:
        return next(one for one in self.cloud.desired.forwarding_rules.values() if one.address == address)

    def delete_service(self, name: str) -> None:
        self.core.delete_namespaced_service(name, "default")

        def gone() -> bool:
            return all(one.metadata.name != name for one in self.core.list_namespaced_service("default").items)

        eventually(f"Service {name} gone", gone)

    def close(self) -> None:
        self._ccm.kill()
        self._ccm.wait()
        self.cloud.close()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Iterator[Rig]:
    require_built(NAME)
    directory = tmp_path_factory.mktemp("gce")
    plane = ControlPlane(directory, prepare(components=["etcd", "kubernetes"]))
    plane.start_controllers("serviceaccount-controller")
    rig = Rig(plane, endpoint, directory)
    yield rig
    rig.close()
    plane.close()
    assert endpoint.failures == []


def test_nodes_are_initialised_and_get_routes(rig: Rig) -> None:
    for name, zone in zip(rig.account.node_names, ZONES, strict=True):

        def initialised(name: str = name) -> Any:
            node = rig.node(name)
            taints = {taint.key for taint in node.spec.taints or ()}
            return node if node.spec.provider_id and UNINITIALISED not in taints else None

        node = eventually(f"Node {name} initialised", initialised)
        assert node.spec.provider_id == f"gce://{PROJECT}/{zone}/{name}"
        assert node.metadata.labels["topology.kubernetes.io/zone"] == zone
        assert node.metadata.labels["node.kubernetes.io/instance-type"] == "e2-small"
        addresses = [one.address for one in node.status.addresses if one.type == "InternalIP"]
        assert addresses == [rig.cloud.instance(name).private_ip]
    wanted = {f"10.244.{number}.0/24" for number in (1, 2)}
    eventually("routes to both Nodes", lambda: set(rig.cloud.desired.routes) == wanted)


def test_an_external_load_balancer_comes_changes_and_goes(rig: Rig) -> None:
    rig.make_service("outside", loadBalancerSourceRanges=["192.0.2.0/24"])
    address = rig.address("outside")
    rule = rig.rule(address)
    assert (rule.external, rule.protocol, rule.ports) == (True, "TCP", ((80, 80),))
    assert set(rig.cloud.names(rule.instances)) == set(rig.account.node_names)
    assert (rule.health_check.port, rule.health_check.path) == (10256, "/healthz")
    (firewall,) = (
        one
        for one in rig.cloud.desired.firewalls.values()
        if address in one.destination_ranges and one.source_ranges == ("192.0.2.0/24",)
    )
    assert firewall.target_tags == (rig.account.node_tag,)
    assert [(one.protocol, one.ports) for one in firewall.what] == [("tcp", ((80, 80),))]

    rig.core.patch_namespaced_service("outside", "default", {"spec": {"externalTrafficPolicy": "Local"}})
    port = eventually(
        "a health check node port",
        lambda: rig.core.read_namespaced_service("outside", "default").spec.health_check_node_port,
    )

    def checked() -> Any:
        return next(
            (
                one
                for one in rig.cloud.desired.forwarding_rules.values()
                if one.address == address and one.health_check and one.health_check.port == port
            ),
            None,
        )

    assert eventually("checked at the Service's own port, at the same address", checked).address == address
    rig.delete_service("outside")
    left = [one.name for one in rig.cloud.addresses.list(project=PROJECT, region=REGION)]
    left += [one.name for one in rig.cloud.target_pools.list(project=PROJECT, region=REGION)]
    left += [one.name for one in rig.cloud.firewalls.list(project=PROJECT) if one.name != "internal"]
    assert left == []
    assert "items" not in rig.cloud.raw("GET", "/global/httpHealthChecks")[1]


def test_an_udp_load_balancer_is_one(rig: Rig) -> None:
    rig.make_service("datagrams", ports=[{"port": 53, "protocol": "UDP"}])
    assert rig.rule(rig.address("datagrams")).protocol == "UDP"
    rig.delete_service("datagrams")


def test_an_internal_load_balancer_leads_to_instance_groups(rig: Rig) -> None:
    rig.make_service("inside", annotations=INTERNAL)
    rule = rig.rule(rig.address("inside"))
    assert not rule.external
    assert rule.address.startswith("10.77.")
    assert set(rig.cloud.names(rule.instances)) == set(rig.account.node_names)
    assert (rule.health_check.port, rule.health_check.path) == (10256, "/healthz")
    rig.delete_service("inside")
    assert list(rig.cloud.region_backend_services.list(project=PROJECT, region=REGION)) == []
    for zone in ZONES:
        assert list(rig.cloud.instance_groups.list(project=PROJECT, zone=zone)) == []


def test_a_node_goes_with_its_instance(rig: Rig) -> None:
    gone = rig.account.node_names[1]
    rig.cloud.do("instances", "delete", zone=ZONES[1], instance=gone)
    rig.beat(gone, ready=False)
    eventually(f"Node {gone} deleted", lambda: rig.node(gone) is None)
    eventually("its route deleted", lambda: set(rig.cloud.desired.routes) == {"10.244.1.0/24"})
    assert rig.node(rig.account.node_names[0]) is not None
