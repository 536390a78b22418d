"""What is built: one Go module for each component, because their dependencies' versions conflict.

Versions are those of the components' own `modules/<component>/go.mod`, and are written nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccm_scenarios.errors import UsageError

MODULES = Path(__file__).parent / "modules"
GIB = 2**30
AGNHOST_VERSION = "2.66.1"
"""agnhost's own version, test/images/agnhost/VERSION in Kubernetes; also the tag of its image."""
KUBERNETES = "kubernetes"
PREVIOUS_KUBERNETES = "kubernetes-previous"
"""The component with the minor release before the one that clusters run: what they are taken down to and up from."""


@dataclass(frozen=True, slots=True)
class Component:
    """Binaries that share a Go module and a version."""

    name: str
    """Also the name of its directory under `root`."""
    module: str
    """Go module whose version is the component's."""
    packages: Mapping[str, str]
    """Binary name to the import path of its main package."""
    version_command: tuple[str, ...]
    """Prints the version in its first line: how a prebuilt component is asked."""
    disk: int
    """Bytes a build with empty Go caches adds to the disk, rounded up."""
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Go variable to value, set at link time; `{version}`, `{major}`, `{minor}` are filled in."""
    on_request: bool = False
    """Only prepared for who names it: most do without."""
    ccm: bool = False
    """A cloud's controller manager, and nothing that other clouds need."""
    apart: bool = False
    """Whether its binaries are named as another component's. Prebuilt ones have a directory of their own, called as the
    component; a local cloud does without where there is none."""
    root: Path = MODULES

    @property
    def directory(self) -> Path:
        """Holds go.mod and go.sum, and what is compiled if that is no module's."""
        return self.root / self.name

    @property
    def sources(self) -> tuple[Path, ...]:
        """Go files of its own; none for most."""
        return tuple(sorted(self.directory.glob("*.go")))

    @property
    def version(self) -> str:
        """For instance `v1.37.2`."""
        return self._from_go_mod(rf"{re.escape(self.module)} (v\S+)")

    @property
    def go_version(self) -> str:
        """The oldest Go release that builds it, for instance `1.26.6`."""
        return self._from_go_mod(r"go (\S+)")

    @property
    def ldflags(self) -> str:
        """Linker flags: no symbol tables, and the version stamps (without them a server reports v0.0.0)."""
        major, minor = self.version.removeprefix("v").split(".")[:2]
        values = {
            name: value.format(version=self.version, major=major, minor=minor) for name, value in self.stamps.items()
        }
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values.items())])

    def _from_go_mod(self, line: str) -> str:
        text = (self.directory / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require\s+)?{line}", text, re.MULTILINE)
        if found is None:
            raise LookupError(f"{self.directory / 'go.mod'} has no line {line!r}")
        return found.group(1)


_KUBERNETES = "k8s.io/kubernetes"
_KUBERNETES_VERSION = "k8s.io/component-base/version"
_KUBERNETES_PACKAGES = {
    name: f"{_KUBERNETES}/cmd/{name}"
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
}
_KUBERNETES_STAMPS = {
    f"{_KUBERNETES_VERSION}.gitVersion": "{version}",
    f"{_KUBERNETES_VERSION}.gitMajor": "{major}",
    f"{_KUBERNETES_VERSION}.gitMinor": "{minor}",
    f"{_KUBERNETES_VERSION}.gitTreeState": "clean",
}
_CONTAINERD = "github.com/containerd/containerd/v2"
_CNI = "github.com/containernetworking/plugins"

CATALOGUE: tuple[Component, ...] = (
    Component(
        name="etcd",
        module="go.etcd.io/etcd/server/v3",
        packages={"etcd": "go.etcd.io/etcd/server/v3"},
        version_command=("etcd", "--version"),
        disk=1 * GIB,
    ),
    Component(
        name="containerd",
        module=_CONTAINERD,
        packages={name: f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
        version_command=("containerd", "--version"),
        disk=1 * GIB,
        stamps={f"{_CONTAINERD}/version.Version": "{version}"},
    ),
    Component(
        name="cni-plugins",
        module=_CNI,
        packages={
            "ptp": f"{_CNI}/plugins/main/ptp",
            "loopback": f"{_CNI}/plugins/main/loopback",
            "host-local": f"{_CNI}/plugins/ipam/host-local",
            "portmap": f"{_CNI}/plugins/meta/portmap",
        },
        version_command=("ptp", "--version"),
        disk=GIB // 2,
        stamps={f"{_CNI}/pkg/utils/buildversion.BuildVersion": "{version}"},
    ),
    Component(
        name=KUBERNETES,
        module=_KUBERNETES,
        packages={**_KUBERNETES_PACKAGES, "agnhost": f"{_KUBERNETES}/test/images/agnhost"},
        version_command=("kube-apiserver", "--version"),
        disk=6 * GIB,
        # Of these programs only agnhost has this last variable.
        stamps={**_KUBERNETES_STAMPS, "main.Version": AGNHOST_VERSION},
    ),
    Component(
        name=PREVIOUS_KUBERNETES,
        module=_KUBERNETES,
        packages=_KUBERNETES_PACKAGES,
        version_command=("kube-apiserver", "--version"),
        disk=6 * GIB,
        stamps=_KUBERNETES_STAMPS,
        apart=True,
    ),
    Component(
        name="aws-cloud-controller-manager",
        module="k8s.io/cloud-provider-aws",
        packages={"aws-cloud-controller-manager": "k8s.io/cloud-provider-aws/cmd/aws-cloud-controller-manager"},
        version_command=("aws-cloud-controller-manager", "--version"),
        disk=3 * GIB,
        stamps={f"{_KUBERNETES_VERSION}.gitVersion": "{version}"},
        ccm=True,
    ),
    Component(
        name="gce-cloud-controller-manager",
        module="k8s.io/cloud-provider-gcp/providers",
        packages={"gce-cloud-controller-manager": "."},
        version_command=("gce-cloud-controller-manager", "--version"),
        disk=3 * GIB,
        stamps={f"{_KUBERNETES_VERSION}.gitVersion": "{version}"},
        on_request=True,
        ccm=True,
    ),
    Component(
        name="coredns",
        module="github.com/coredns/coredns",
        packages={"coredns": "github.com/coredns/coredns"},
        version_command=("coredns", "-version"),
        disk=3 * GIB,
    ),
)


def for_ccm(ccm: str) -> tuple[str, ...]:
    """Names of all that a local cloud is made of, given the component that its controller manager is."""
    return tuple(component.name for component in CATALOGUE if not component.ccm or component.name == ccm)


def select(names: Sequence[str] | None) -> tuple[Component, ...]:
    """The named components in the catalogue's order; for None all but those that are only made on request.

    Raises:
        UsageError: a name is not in the catalogue.
    """
    known = [component.name for component in CATALOGUE]
    wanted = [component.name for component in CATALOGUE if not component.on_request] if names is None else names
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise UsageError(f"no component {', '.join(unknown)}; known are {', '.join(known)}")
    return tuple(component for component in CATALOGUE if component.name in wanted)
