"""Which versions of Kubernetes the cluster runs while a scenario takes it from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ccm_scenarios.clean_up import Turn
from ccm_scenarios.contract import ClusterVersions
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.targets import Target
from ccm_scenarios.waiting import waiting

if TYPE_CHECKING:
    from ccm_scenarios.world import World


def restore(target: Target) -> None:
    """Have the cluster's newer version, whatever a scenario did that died."""
    if target.versions is not None:
        _Course(target.versions, watched=False).upgrade()


class _Course:
    """The order in which parts change: Nodes are never newer than the control plane.

    Args:
        versions: changes them.
        watched: whether Pods must be able to run meanwhile.
    """

    def __init__(self, versions: ClusterVersions, *, watched: bool) -> None:
        self._versions = versions
        self._together = not watched

    def upgrade_control_plane(self) -> None:
        with waiting(f"the control plane upgraded to {self._versions.newer}"):
            self._versions.change_control_plane(self._versions.newer)

    def upgrade(self) -> None:
        self.upgrade_control_plane()
        with waiting(f"the Nodes upgraded to {self._versions.newer}"):
            self._versions.change_nodes(self._versions.newer, together=self._together)

    def downgrade(self) -> None:
        with waiting(f"the Nodes downgraded to {self._versions.older}"):
            self._versions.change_nodes(self._versions.older, together=self._together)
        with waiting(f"the control plane downgraded to {self._versions.older}"):
            self._versions.change_control_plane(self._versions.older)


class Versions:
    """What a scenario does to the versions of its cluster, and claims of them: `older` and `newer` are those that its
    target names. At the scenario's end the cluster has the newer one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._changed = False
        self._nodes_changed = False

    def begin_with(self, age: str) -> None:
        """Have all of the cluster in this version; nobody looks at how it gets there."""
        self._restore_at_end()
        course = _Course(self._control, watched=False)
        course.upgrade() if age == "newer" else course.downgrade()
        self._world.cluster_nodes.renew()

    def upgrade_control_plane(self) -> None:
        """The control plane alone; its Nodes stay behind."""
        self._world.mark()
        self._restore_at_end()
        _Course(self._control, watched=True).upgrade_control_plane()

    def upgrade(self) -> None:
        """The control plane, and after it the Nodes."""
        self._world.mark()
        self._restore_at_end()
        self._nodes_changed = True
        _Course(self._control, watched=True).upgrade()
        self._world.cluster_nodes.renew()

    def downgrade(self) -> None:
        """The Nodes, and after them the control plane."""
        self._world.mark()
        self._restore_at_end()
        self._nodes_changed = True
        _Course(self._control, watched=True).downgrade()
        self._world.cluster_nodes.renew()

    def expect_as_many_nodes(self, nodes: Sequence[NodeHandle]) -> list[NodeHandle]:
        """That the cluster has its Nodes, and returns them: the same on the same instances, and none was announced as
        deleted; or, where others take the places of Nodes that get another version, as many others.

        Args:
            nodes: those before.
        """
        if self._control.in_place or not self._nodes_changed:
            self._world.cluster_nodes.expect_same(nodes)
            return list(nodes)
        for node in nodes:
            node.expect_gone()

        def look() -> list[NodeHandle]:
            if len(found := self._world.cluster_nodes.every()) != len(nodes):
                raise NotYet(f"{', '.join(map(str, found)) or 'none'}")
            return found

        expected = f"{len(nodes)} Nodes in place of {', '.join(map(str, nodes))}"
        return self._world.cluster.waits.until(expected, look, timeout="node_ready")

    def expect_control_plane(self, age: str) -> None:
        """That the API server says so."""
        version = self._named(age)

        def look() -> None:
            if not (says := self._world.cluster.version()).startswith(version):
                raise NotYet(f"it says {says}")

        expected = f"the API server of {version}"
        self._world.cluster.waits.until(expected, look, timeout="service_changed", asking=True)

    def expect_nodes(self, nodes: Sequence[NodeHandle], age: str) -> None:
        """That every Node's kubelet and kube-proxy is of this version, and the Nodes take Pods."""
        version = self._named(age)
        for node in nodes:
            node.kubelet.expect_version(version)
        places = [self._world.callers.client_on(node).kube_proxy(version) for node in nodes]
        self._world.rules.expect_up(*places, timeout="service_changed")

    def _named(self, age: str) -> str:
        return self._control.newer if age == "newer" else self._control.older

    def _restore_at_end(self) -> None:
        if self._changed:
            return
        self._changed = True
        # Last of all: emptying Nodes of what the scenario made would take longer than removing it.
        self._world.on_close("the cluster's newer version", self._restore, turn=Turn.NODES)

    def _restore(self) -> None:
        restore(self._world.target)
        self._world.cluster_nodes.renew()

    @property
    def _control(self) -> ClusterVersions:
        control = self._world.target.versions
        assert control is not None, "the scenario's tags ask for @needs.cluster-versions"
        return control
