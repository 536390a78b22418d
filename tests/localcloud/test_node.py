"""A node's disk: what is prepared once, and what each has for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccm_scenarios.localcloud import node
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.binaries.catalogue import CATALOGUE
from ccm_scenarios.localcloud.periods import QUICK
from ccm_scenarios.localcloud.pki import Authority


@pytest.fixture
def cluster(tmp_path: Path) -> node.Cluster:
    components = {component.name: component for component in CATALOGUE}
    return node.Cluster(
        authority=Authority(tmp_path / "pki"),
        server="https://server",
        kube_proxy_kubeconfig=tmp_path / "kube-proxy",
        images=tmp_path / "images.tar",
        binaries=Binaries(components, dict.fromkeys(components, tmp_path / "bin"), prebuilt=True),
        periods=QUICK,
        template=tmp_path / "template",
    )


def _import(disk: Path) -> None:
    """What containerd does with the images."""
    store = disk / "containerd" / "snapshots"
    store.mkdir(parents=True)
    (store / "layer").write_text("a program")
    (store / "link").symlink_to("layer")
    (disk / "containerd" / "meta.db").write_text("one layer")
    (disk / "images-imported").touch()


def test_a_disk_is_not_prepared_before_its_images_are_imported(cluster: node.Cluster, tmp_path: Path) -> None:
    services = node.prepare(tmp_path / "disk", cluster)
    assert not node.prepared(tmp_path / "disk")
    assert [service.name for service in services] == ["containerd", "images"]


def test_a_disk_has_what_the_template_has_and_writes_to_its_own(cluster: node.Cluster, tmp_path: Path) -> None:
    _import(cluster.template)
    disk = tmp_path / "disk"
    node.prepare(disk, cluster)
    assert node.prepared(disk)
    assert (disk / "containerd" / "snapshots" / "link").read_text() == "a program"
    assert (disk / "containerd" / "snapshots" / "layer").samefile(
        cluster.template / "containerd" / "snapshots" / "layer"
    )
    (disk / "containerd" / "meta.db").write_text("two layers")
    assert (cluster.template / "containerd" / "meta.db").read_text() == "one layer"


def test_a_disk_that_was_in_use_keeps_what_is_on_it(cluster: node.Cluster, tmp_path: Path) -> None:
    _import(cluster.template)
    disk = tmp_path / "disk"
    node.prepare(disk, cluster)
    (disk / "containerd" / "meta.db").write_text("two layers")
    node.prepare(disk, cluster)
    assert (disk / "containerd" / "meta.db").read_text() == "two layers"
