"""What scenarios left whose processes are gone is found and removed, and nothing else: by their run, and long after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccm_scenarios import sweep_command
from ccm_scenarios.clean_up import CleanupFailed
from ccm_scenarios.contract import Capability, CloudError, Instance, NodeGroups, OwnedResource, ServiceRef, undeclared
from ccm_scenarios.disturbances import FOREIGN_ROUTE, Disturbances
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.node_facts import EXCLUDED_LABEL, OWN_TAINT, TYPE_LABELS
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.stand_ins import end_policy, policies, remove_node
from ccm_scenarios.members import Members
from ccm_scenarios.options import Options
from ccm_scenarios.owner import RUN_LABEL, Owner
from ccm_scenarios.sweep_command import Order
from ccm_scenarios.sweeping import sweep
from ccm_scenarios.world import World
from tests.adapter_check import fakes
from tests.kube.control_plane import TIMEOUTS, ControlPlane
from tests.kube.nodes import create
from tests.kube.services import Controller
from tests.kube.worlds import instance, make_service

UNCONTROLLED: Any = SimpleNamespace(faults=None, arrangements=None, controller_manager=None, versions=None)
"""A target that offers no control over its controller manager."""


class Balancers:
    """Those that a controller made that is gone."""

    def __init__(self) -> None:
        self.there: list[ServiceRef] = []
        self.stubborn = False

    def services(self) -> Sequence[ServiceRef]:
        return list(self.there)

    def owned_resources(self, service: ServiceRef) -> Sequence[OwnedResource]:
        name = service.load_balancer_name
        return [OwnedResource("load balancer", name) for each in self.there if each.load_balancer_name == name]

    def discard(self, service: ServiceRef) -> None:
        if not self.stubborn:
            name = service.load_balancer_name
            self.there = [each for each in self.there if each.load_balancer_name != name]


class Cloud(fakes.Adapter):
    """A cloud that knows the instance of the Node `node`."""

    def __init__(self) -> None:
        self.memory = fakes.Cloud()
        super().__init__(self.memory, "routed", fakes.ALL)
        self.balancers = Balancers()
        self.load_balancers: Any = self.balancers
        self.known = {instance().provider_id: instance()}
        self.timeouts = TIMEOUTS
        self.cloud_refuses = False
        memory = self.instances

        def get(provider_id: str) -> Instance:
            return self.known[provider_id] if provider_id in self.known else memory.get(provider_id)

        def owners() -> Any:
            if self.cloud_refuses:
                raise CloudError("DescribeInstances: UnauthorizedOperation")
            return memory.owners()

        self.instances = cast(
            Any,
            SimpleNamespace(
                get=get, owners=owners, launch=memory.launch, launched_for=memory.launched_for, delete=memory.delete
            ),
        )

    @property
    def state(self) -> dict[str, set[str]]:
        """All there is, by kind."""
        return {
            "instances": set(self.memory.instances),
            "groups": set(self.memory.groups),
            "addresses": set(self.memory.reserved),
            "routes": {route.destination for route in self.memory.routes},
            "balancers": {each.name for each in self.balancers.there},
        }


class Factory(fakes.Factory):
    """Connects to that cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def connect(self, **_: Any) -> Any:
        return self.cloud


@pytest.fixture
def swept_cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def connection(control_plane: ControlPlane) -> Cluster:
    """One that is closed by the test."""
    return Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)


@pytest.fixture
def worlds(cluster: Cluster, swept_cloud: Cloud) -> Iterator[Any]:
    """Makes worlds of scenarios; those that are left are closed at the end."""
    made = []

    def make(scenario_id: str, run_id: str = "r1") -> World:
        world = World(
            cluster=cluster,
            provider=swept_cloud,
            target=cast(Any, SimpleNamespace(controller_manager=None)),
            timeouts=TIMEOUTS,
            scenario_id=scenario_id,
            run_id=run_id,
        )
        made.append(world)
        return world

    yield make
    for policy in policies(cluster, RUN_LABEL):
        end_policy(cluster, policy.metadata.name)
    for node in cluster.core.list_node(label_selector=RUN_LABEL).items:
        remove_node(cluster, node.metadata.name)
    for world in made:
        for namespace in world.namespaces:
            cluster.end_namespace(namespace)
        world.services.forget()


def live(world: World, cloud: Cloud, *, group: bool = False) -> None:
    """Make one of everything that a scenario may make without changing a Node."""
    owner = str(world.owner)
    service = make_service(world)
    cloud.balancers.there.append(ServiceRef(service.namespace, service.name, service.uid))
    cloud.instances.launch(owner=owner, node_labels={})
    disturbances = Disturbances(world)
    disturbances.refuse_deletion(disturbances.stand_in(ready=True))
    if group:
        cloud.node_groups.create(owner=owner, node_labels={}, size=1)
        cloud.addresses.reserve(owner=owner)


def change(world: World, node: NodeHandle) -> None:
    """Change all that a scenario may change of a shared Node."""
    disturbances = Disturbances(world)
    disturbances.taint(node)
    disturbances.initialise_anew(node)
    disturbances.misinform(node)
    disturbances.lose_type_labels(node)
    disturbances.add_label(node)
    disturbances.add_foreign_route(node)
    Members(world).exclude([node])


def as_seen(cluster: Cluster, name: str = "node") -> Any:
    """What a Node says that scenarios may change."""
    seen = cluster.core.read_node(name)
    taints = [taint.key for taint in seen.spec.taints or []]
    return seen.metadata.labels, seen.metadata.annotations, taints, [a.address for a in seen.status.addresses]


def things_of(cluster: Cluster, run: str, scenario: str = "") -> list[str]:
    """Kinds and names of what carries these labels in the cluster and is not about to end."""
    selector = f"{RUN_LABEL}={run}" + (f",ccm-scenarios/scenario={scenario}" if scenario else "")
    core = cluster.core
    namespaces = core.list_namespace(label_selector=selector).items
    found = [*namespaces, *core.list_node(label_selector=selector).items, *policies(cluster, selector)]
    services = [each for n in namespaces for each in core.list_namespaced_service(n.metadata.name).items]
    return [thing.metadata.name for thing in (*found, *services) if thing.metadata.deletion_timestamp is None]


def command(control_plane: ControlPlane, cloud: Cloud, order: Order) -> tuple[bool, list[str]]:
    """Run it; its verdict, and its lines."""
    lines: list[str] = []
    options = Options(kubeconfig=control_plane.kubeconfig)
    return sweep_command.run(Factory(cloud), options, order, lines.append), lines


def test_within_a_run_only_what_the_dead_scenario_left_is_removed(
    worlds: Any, swept_cloud: Cloud, connection: Cluster, cluster: Cluster, node: NodeHandle
) -> None:
    node.change_labels({TYPE_LABELS[0]: "small"})
    before, shared = as_seen(cluster), cluster.shared_nodes()
    dead, alive = worlds("dead"), worlds("alive")
    live(dead, swept_cloud, group=True)
    change(dead, node)
    live(alive, swept_cloud)
    create(cluster, "another", taints=[{"key": OWN_TAINT, "effect": "PreferNoSchedule"}])
    theirs = things_of(cluster, "r1", "alive")
    assert len(theirs) == 4
    sweep(UNCONTROLLED, connection, swept_cloud, shared, "r1", "dead")
    connection.close()  # the namespaces are gone
    assert things_of(cluster, "r1") == theirs
    assert as_seen(cluster) == before
    assert as_seen(cluster, "another")[2] == [OWN_TAINT], "nothing says that a scenario put it there"
    (service,) = swept_cloud.balancers.there
    assert service.namespace == alive.namespace
    assert swept_cloud.state["instances"] == {"i-1", "i-4"}, "nobody's, and that of the other scenario"
    assert {kind: swept_cloud.state[kind] for kind in ("groups", "addresses", "routes")} == {
        "groups": set(),
        "addresses": set(),
        "routes": set(),
    }


def test_a_group_is_swept_before_its_instances(
    worlds: Any, swept_cloud: Cloud, connection: Cluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(worlds("dead"), swept_cloud, group=True)
    ended: list[str] = []
    monkeypatch.setattr(swept_cloud.node_groups, "delete", ended.append)
    monkeypatch.setattr(swept_cloud.instances, "delete", ended.append)
    sweep(UNCONTROLLED, connection, swept_cloud, cluster.shared_nodes(), "r1", "dead")
    connection.close()
    assert ended == ["group", "i-2"]


def test_what_stays_is_told_and_keeps_nothing_else(
    worlds: Any, swept_cloud: Cloud, connection: Cluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = worlds("dead")
    live(dead, swept_cloud, group=True)
    swept_cloud.balancers.stubborn = True
    service = swept_cloud.balancers.there[0]

    def refuse(_: str) -> None:
        raise CloudError("ReleaseAddress: Throttled")

    monkeypatch.setattr(swept_cloud.addresses, "release", refuse)
    with pytest.raises(CleanupFailed) as failure:
        sweep(UNCONTROLLED, connection, swept_cloud, cluster.shared_nodes(), "r1", "dead")
    connection.close()
    leaked = f"Service {dead.namespace}/service: still in the cloud: load balancer {service.load_balancer_name}"
    assert [part.partition(" (waited")[0] for part in failure.value.parts] == [
        leaked,
        "reserved address 192.0.2.7: ReleaseAddress: Throttled",
    ]
    assert swept_cloud.state["instances"] == {"i-1"}


def test_a_scenario_that_ends_leaves_no_note_on_a_node(worlds: Any, cluster: Cluster, node: NodeHandle) -> None:
    node.change_labels({TYPE_LABELS[0]: "small"})
    before = as_seen(cluster)
    world = worlds("ends")
    change(world, node)
    labels, annotations, taints, addresses = as_seen(cluster)
    assert TYPE_LABELS[0] not in labels
    assert EXCLUDED_LABEL in labels
    assert len(annotations or {}) == 1
    assert len(taints) == 2
    assert len(addresses) == 2
    world.close()
    assert as_seen(cluster) == before


# Long after the run


def test_without_more_words_it_is_only_told_what_would_be_removed(
    worlds: Any, swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster, node: NodeHandle
) -> None:
    dead = worlds("dead")
    live(dead, swept_cloud, group=True)
    change(dead, node)
    clouds, things, seen = swept_cloud.state, things_of(cluster, "r1"), as_seen(cluster)
    passed, lines = command(control_plane, swept_cloud, Order(run="r1"))
    assert passed
    assert (swept_cloud.state, things_of(cluster, "r1"), as_seen(cluster)) == (clouds, things, seen)
    assert lines[0].endswith(f": cluster {cluster.identity()}")
    told = [line.removeprefix("would remove ") for line in lines[1:-1]]
    assert all(line.startswith("would remove ") for line in lines[1:-1])
    assert [line.split()[0] for line in told] == [
        "admission",
        "Node",
        "Service",
        "namespace",
        "reserved",
        "on",
        "node",
        "instance",
    ]
    assert told[-1].startswith("instance i-2 (run r1, dead, ")
    assert FOREIGN_ROUTE in told[5]
    assert lines[-1] == f"8 would be removed, nothing was; add --remove --cluster {cluster.identity()}"


def test_what_a_run_left_is_removed_and_what_another_has_stays(
    worlds: Any, swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster, node: NodeHandle
) -> None:
    before = as_seen(cluster)
    dead, alive = worlds("dead"), worlds("dead", "r2")
    live(dead, swept_cloud, group=True)
    change(dead, node)
    live(alive, swept_cloud)
    theirs = things_of(cluster, "r2")
    order = Order(cluster.identity(), "r1", remove=True)
    passed, lines = command(control_plane, swept_cloud, order)
    assert passed, lines
    assert lines[-1] == "8 to remove, none left"
    assert len([line for line in lines if line.startswith("left alone, of another run: ")]) == 5
    assert (things_of(cluster, "r1"), things_of(cluster, "r2"), as_seen(cluster)) == ([], theirs, before)
    assert swept_cloud.state["instances"] == {"i-1", "i-4"}
    assert len(swept_cloud.balancers.there) == 1
    passed, lines = command(control_plane, swept_cloud, order)
    assert (passed, lines[-1]) == (True, "0 to remove, none left")
    _, lines = command(control_plane, swept_cloud, Order(run="r1"))
    assert lines[-1] == "nothing to remove"


def launched(cloud: Cloud, cluster: str, run: str, age: timedelta) -> str:
    since = datetime.now(UTC).replace(microsecond=0) - age
    return cloud.instances.launch(owner=str(Owner(cluster, run, "s", since)), node_labels={}).id


@pytest.mark.parametrize(
    ("order", "gone"),
    [
        (Order(), {"old"}),
        (Order(older_than=timedelta(hours=2)), {"old", "older than two hours"}),
        (Order(older_than=timedelta()), {"old", "older than two hours", "young"}),
        (Order(run="young"), {"young"}),
        (Order(run="young", older_than=timedelta(hours=1)), set()),
    ],
)
def test_what_is_young_may_be_of_a_run_that_lives(
    swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster, order: Order, gone: set[str]
) -> None:
    ages = {"old": 7, "older than two hours": 3, "young": 0}
    identity = cluster.identity()
    ids = {
        launched(swept_cloud, identity, name.replace(" ", "-"), timedelta(hours=hours, minutes=1)): name
        for name, hours in ages.items()
    }
    passed, _ = command(control_plane, swept_cloud, Order(identity, order.run, order.older_than, remove=True))
    assert passed
    assert {name for each, name in ids.items() if each not in swept_cloud.memory.instances} == gone


def test_only_what_carries_the_mark_for_this_cluster_is_touched(
    swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster, node: NodeHandle
) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    launched(swept_cloud, other, "r1", timedelta(days=1))
    swept_cloud.instances.launch(owner="somebody/else", node_labels={})
    elsewhere = Owner.now(other, "r1", "")
    swept_cloud.balancers.there = [
        ServiceRef("shop", "web", "1"),
        ServiceRef(f"ccm-abcde-{elsewhere.namespace_suffix}", "web", "2"),
    ]
    plain = cluster.make_namespace({}, Owner.now(cluster.identity(), "r1", "").namespace_suffix)
    node.change_labels({EXCLUDED_LABEL: ""})
    node.add_own_taint()
    clouds, seen = swept_cloud.state, as_seen(cluster)
    order = Order(cluster.identity(), older_than=timedelta(), remove=True)
    passed, lines = command(control_plane, swept_cloud, order)
    assert (passed, lines[1:]) == (True, ["0 to remove, none left"])
    assert (swept_cloud.state, as_seen(cluster)) == (clouds, seen)
    assert cluster.core.read_namespace(plain).metadata.deletion_timestamp is None
    cluster.end_namespace(plain)


def test_a_load_balancer_whose_service_is_gone_is_known_by_the_names(
    worlds: Any, swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster
) -> None:
    name = f"ccm-abcde-{Owner.now(cluster.identity(), 'r1', '').namespace_suffix}"
    there = worlds("alive", "r2")
    swept_cloud.balancers.there = [
        ServiceRef(name, "gone", "0123456789abcdef0123456789abcde"),
        ServiceRef(there.namespace, "still", "fedcba9876543210fedcba987654321"),
    ]
    passed, lines = command(control_plane, swept_cloud, Order(cluster.identity(), remove=True))
    assert passed, lines
    assert f"removing load balancer of Service {name}/gone, which is gone (run r1)" in lines
    assert [each.name for each in swept_cloud.balancers.there] == ["still"], "its namespace is there"


def test_what_its_controller_does_not_let_go_stays_and_is_told(
    worlds: Any, swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster
) -> None:
    world = worlds("dead")
    service = make_service(world)
    Controller(cluster, service).hold(CLEANUP_FINALIZER)
    swept_cloud.balancers.there = [ServiceRef(service.namespace, service.name, service.uid)]
    identity = cluster.identity()
    doomed = launched(swept_cloud, identity, "r1", timedelta(days=1))
    passed, lines = command(control_plane, swept_cloud, Order(identity, "r1", remove=True))
    assert not passed
    kept = f"stays: Service {service.namespace}/{service.name}: its finalizers keep it: {CLEANUP_FINALIZER}"
    assert [line for line in lines if line.startswith(kept)], lines
    assert [line for line in lines if line.startswith(f"stays: namespace {service.namespace} (run r1")], lines
    assert lines[-1] == "3 to remove, 2 left"
    assert len(swept_cloud.balancers.there) == 1, "its controller still has to do it"
    assert doomed not in swept_cloud.memory.instances
    Controller(cluster, service).hold()


def test_another_cluster_than_was_meant_is_not_touched(
    worlds: Any, swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster
) -> None:
    live(worlds("dead"), swept_cloud)
    clouds, things, identity = swept_cloud.state, things_of(cluster, "r1"), cluster.identity()
    with pytest.raises(UsageError, match=f"--cluster other: .* is another one, {identity}; nothing was touched"):
        command(control_plane, swept_cloud, Order("other", "r1", remove=True))
    with pytest.raises(UsageError, match=f"--remove needs --cluster UID, .*; it is {identity}"):
        command(control_plane, swept_cloud, Order(run="r1", remove=True))
    with pytest.raises(UsageError, match="name the cluster with -D kubeconfig=FILE"):
        sweep_command.run(Factory(swept_cloud), Options(), Order(), print)
    with pytest.raises(UsageError, match="fake has no flavour 'x'; it has: plain, routed"):
        sweep_command.run(
            Factory(swept_cloud), Options(kubeconfig=control_plane.kubeconfig, flavour="x"), Order(), print
        )
    assert (swept_cloud.state, things_of(cluster, "r1")) == (clouds, things)


def test_a_cloud_that_does_not_tell_all_there_is_keeps_everything(
    worlds: Any, swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster
) -> None:
    live(worlds("dead"), swept_cloud)
    things = things_of(cluster, "r1")
    swept_cloud.cloud_refuses = True
    with pytest.raises(EnvironmentProblem, match="instances: DescribeInstances: UnauthorizedOperation"):
        command(control_plane, swept_cloud, Order(cluster.identity(), "r1", remove=True))
    assert things_of(cluster, "r1") == things


def test_an_adapter_that_declares_less_is_asked_for_no_more(
    swept_cloud: Cloud, control_plane: ControlPlane, cluster: Cluster
) -> None:
    swept_cloud.capabilities = frozenset({Capability.LOAD_BALANCER})
    swept_cloud.node_groups = undeclared("fake", NodeGroups)
    old = launched(swept_cloud, cluster.identity(), "r1", timedelta(days=1))
    passed, _ = command(control_plane, swept_cloud, Order(cluster.identity(), remove=True))
    assert passed
    assert old not in swept_cloud.memory.instances
