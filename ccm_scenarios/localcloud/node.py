"""What runs on an instance that joins the cluster: containerd, kubelet and kube-proxy, with their
configuration files. Paths in them are the instance's own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.machine import DISK, Service
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.pki import Authority
from ccm_scenarios.localcloud.releases import Release

_CONTAINERD = """\
version = 3
root = "{directory}/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "registry.k8s.io/pause:3.10.2"
[plugins.'io.containerd.cri.v1.runtime']
# Without CAP_SYS_RESOURCE runc may not lower a process's OOM score, and no sandbox would start.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{directory}/cni/bin", "{plugins}"]
conf_dir = "{directory}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins.'io.containerd.nri.v1.nri']
disable = true
"""

_PLUGIN = "node-pods"
_POD_CIDR = "pod-cidr"
_PREPARED = "images-imported"
_RELEASE = "kubernetes"
"""On a disk: leads to the programs of the release of Kubernetes that the node runs."""
_PLUGIN_SCRIPT = """\
#!/bin/sh
# The ptp plugin, with the Node's pod CIDR filled in. Without one yet the kubelet is told to try again.
if [ ! -s {file} ] && [ "$CNI_COMMAND" = ADD ]; then
  echo '{{"cniVersion": "1.0.0", "code": 11, "msg": "the Node has no pod CIDR yet"}}'
  exit 1
fi
sed "s|{cidr}|$(cat {file})|; s|{name}|ptp|" | exec {ptp}
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What every node needs to know of the cluster it joins."""

    authority: Authority
    server: str
    kube_proxy_kubeconfig: Path
    images: Path
    binaries: Binaries
    periods: Periods
    template: Path
    """A disk that is prepared, once it is there: others are copies of it."""
    kube_proxy: Mapping[str, Any] = field(default_factory=dict)
    """What the cloud has kube-proxy do otherwise: fields of its configuration."""


def prepare(directory: Path, cluster: Cluster) -> list[Service]:
    """Write below `directory`, a disk, what any node needs; returns the services that run before it knows its name."""
    for part in ("kubelet", "cni", "log", "log/pods", "volumes"):
        (directory / part).mkdir(parents=True, exist_ok=True)
    if not prepared(directory) and prepared(cluster.template):
        _copy_images(cluster.template, directory)
    plugins = cluster.binaries.path("ptp").parent
    (directory / "containerd.toml").write_text(_CONTAINERD.format(directory=DISK, plugins=plugins))
    _configure_pod_network(directory, plugins)
    (directory / "resolv.conf").write_text(f"nameserver {addressing.RESOLVER}\n")
    containerd, ctr = (shlex.quote(str(cluster.binaries.path(name))) for name in ("containerd", "ctr"))
    shim = shlex.quote(str(cluster.binaries.path("containerd-shim-runc-v2").parent))
    return [
        Service("containerd", f"PATH={shim}:$PATH exec {containerd} --config {DISK}/containerd.toml"),
        Service(
            "images",
            f"[ ! -e {DISK / _PREPARED} ] || exit 0\n"
            f"until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done\n"
            f"{ctr} --namespace k8s.io images import --local {shlex.quote(str(cluster.images))} && "
            f"touch {DISK / _PREPARED}",
            once=True,
        ),
    ]


def _copy_images(template: Path, directory: Path) -> None:
    """Give a disk what another one's containerd imported. Files that are never written again are shared: copying or
    importing a node's images costs a second of a core."""

    def copy(source: str, target: str) -> None:
        if source.endswith(".db"):
            shutil.copy2(source, target)
        else:
            os.link(source, target)

    shutil.rmtree(directory / "containerd", ignore_errors=True)
    own = shutil.ignore_patterns("io.containerd.grpc.v1.introspection")  # its identity
    shutil.copytree(template / "containerd", directory / "containerd", symlinks=True, copy_function=copy, ignore=own)
    (directory / _PREPARED).touch()


def prepared(directory: Path) -> bool:
    """Whether the node of this disk has all it needs but a name."""
    return (directory / _PREPARED).exists()


def install(directory: Path, release: Release) -> None:
    """Have the node run this release's programs, from their next start on. Safe to repeat."""
    partial = directory / f"{_RELEASE}.partial"
    partial.unlink(missing_ok=True)
    partial.symlink_to(release.directory)
    partial.replace(directory / _RELEASE)


def configure(
    directory: Path,
    name: str,
    address: str,
    cgroup: str,
    cluster: Cluster,
    labels: Mapping[str, str],
    release: Release,
) -> list[Service]:
    """Write the node's configuration below `directory`; returns the services that know its name.

    Args:
        directory: the instance's disk, prepared; kept over reboots.
        name: the Node's name.
        address: the instance's private address, the Node's InternalIP.
        cgroup: the instance's group, below the root of every hierarchy.
        cluster: the cluster to join.
        labels: what the Node registers with; of Kubernetes' own labels a kubelet may set only some.
        release: of Kubernetes; a disk that has one keeps it.
    """
    if not (directory / _RELEASE).is_symlink():
        install(directory, release)
    authority = cluster.authority
    kubeconfig = authority.kubeconfig(f"node-{name}", cluster.server, f"system:node:{name}", groups=["system:nodes"])
    serving = authority.issue(f"kubelet-{name}", f"system:node:{name}", addresses=[address], names=[name])
    kubelet = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "resolvConf": str(DISK / "resolv.conf"),
        "clusterDNS": [str(addressing.CLUSTER_DNS)],
        "clusterDomain": "cluster.local",
        "maxPods": 100,
        "podLogsDir": str(DISK / "log" / "pods"),
        "volumePluginDir": str(DISK / "volumes"),
        "healthzBindAddress": "127.0.0.1",
        "nodeStatusUpdateFrequency": f"{cluster.periods.kubelet_status}s",
        "nodeStatusReportFrequency": f"{cluster.periods.kubelet_report}s",
        "nodeLeaseDurationSeconds": cluster.periods.kubelet_lease,
        # All instances share the machine's disk: what others fill must not evict from this one.
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "registerWithTaints": [],
    }
    (directory / "kubelet.json").write_text(json.dumps(kubelet, indent=1))
    proxy = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(cluster.kube_proxy_kubeconfig)},
        "clusterCIDR": str(addressing.POD_CIDR),
        "hostnameOverride": name,
        # The machine's own limit holds for all namespaces and may not be changed from one.
        "conntrack": {"maxPerCore": 0},
        **cluster.kube_proxy,
    }
    (directory / "kube-proxy.json").write_text(json.dumps(proxy, indent=1))
    return [
        Service(
            "kubelet",
            f"until [ -e {DISK / _PREPARED} ]; do sleep 0.05; done\n"
            # A kubelet that finds no API server backs off for seconds; an operating system would order the two as well.
            f"until curl --silent --insecure --fail --max-time 2 --output /dev/null {cluster.server}/readyz\n"
            f"do sleep 0.1; done\n"
            f"exec {DISK / _RELEASE}/kubelet --config {DISK}/kubelet.json --kubeconfig {shlex.quote(str(kubeconfig))} "
            f"--root-dir {DISK}/kubelet --cert-dir {DISK}/kubelet/pki --hostname-override {name} --node-ip {address} "
            f"--cloud-provider external --node-labels {shlex.quote(','.join(map('='.join, labels.items())))}",
        ),
        Service("kube-proxy", f"exec {DISK / _RELEASE}/kube-proxy --config {DISK}/kube-proxy.json"),
    ]


def _configure_pod_network(directory: Path, plugins: Path) -> None:
    """Let containerd know at once how pods are connected; the Node's addresses for them are filled in when
    they are known.

    A point-to-point link for each pod, not a bridge: replies between pods of one node then pass the node's
    rules as well.
    """
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": _PLUGIN,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(DISK / "ipam"),
                    "ranges": [[{"subnet": _POD_CIDR}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    (directory / "cni" / "10-pods.conflist").write_text(json.dumps(network, indent=1))
    plugin = directory / "cni" / "bin" / _PLUGIN
    plugin.parent.mkdir(exist_ok=True)
    plugin.write_text(
        _PLUGIN_SCRIPT.format(
            file=DISK / _POD_CIDR,
            name=_PLUGIN,
            cidr=_POD_CIDR,
            ptp=shlex.quote(str(plugins / "ptp")),
        )
    )
    plugin.chmod(0o755)


def assign_pod_cidr(directory: Path, pod_cidr: str) -> None:
    """Say which addresses the Node's pods get: its `spec.podCIDR`. Safe to repeat."""
    target = directory / _POD_CIDR
    if target.exists() and target.read_text() == pod_cidr:
        return
    partial = directory / f"{_POD_CIDR}.partial"
    partial.write_text(pod_cidr)
    partial.replace(target)
