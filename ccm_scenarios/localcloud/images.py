"""The container images of a local cloud: one archive for `ctr images import`.

The archive's bytes depend on the programs in it and on nothing else.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ccm_scenarios import oci
from ccm_scenarios.directories import cache_directory
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.binaries.cache import make_once
from ccm_scenarios.localcloud.binaries.catalogue import AGNHOST_VERSION
from ccm_scenarios.localcloud.requirements import locate
from ccm_scenarios.oci import Entry, Image

# The names Kubernetes' own tests use (test/utils/image/manifest.go of v1.37.2).
AGNHOST_IMAGE = f"registry.k8s.io/e2e-test-images/agnhost:{AGNHOST_VERSION}"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10.2"

# To be raised when an archive from the same programs would come out different.
_FORMAT = 3


def coredns_image(binaries: Binaries) -> str:
    """The name of the CoreDNS image, for instance `registry.k8s.io/coredns/coredns:v1.15.0`."""
    return f"registry.k8s.io/coredns/coredns:{binaries.version('coredns')}"


def prepare_images(binaries: Binaries, *, waiting: Callable[[], None] = lambda: None) -> Path:
    """The archive in the user's cache with the agnhost, pause and CoreDNS images; made on first use.

    Beside agnhost its image holds what Kubernetes' own tests run in it: a shell, curl, OpenBSD's nc,
    busybox's tools.

    Args:
        binaries: needs the components `kubernetes` and `coredns`.
        waiting: called if another process is making the archive.

    Raises:
        EnvironmentProblem: a tool is missing, or the cache cannot be written.
    """
    agnhost, coredns = binaries.path("agnhost"), binaries.path("coredns")
    tools = {f"bin/{name}": locate(tool) for name, tool in _TOOLS.items()}
    files = {"agnhost": agnhost, **tools, **oci.libraries(tools.values())}
    dns_name = coredns_image(binaries)
    with ThreadPoolExecutor() as pool:
        digests = dict(zip(files, pool.map(_digest, files.values()), strict=True))
        inputs = json.dumps([_FORMAT, sorted(digests.items()), _digest(coredns), dns_name, oci.architecture()])

    def make(directory: Path) -> None:
        layer = oci.pack(sorted(_agnhost_files(files).items()), directory)
        dns_layer = oci.pack([("coredns", Entry(coredns.read_bytes()))], directory)
        images = [
            Image(AGNHOST_IMAGE, layer, entrypoint=["/agnhost"], command=["pause"]),
            # The same layer: a sandbox costs a node no second copy. Not agnhost's own pause: to start agnhost takes
            # 30 ms of a core, and every Pod has a sandbox.
            Image(PAUSE_IMAGE, layer, entrypoint=["/bin/sleep", "infinity"]),
            Image(dns_name, dns_layer, entrypoint=["/coredns"]),
        ]
        oci.write(directory / "images.tar", images)

    target = cache_directory("images") / hashlib.sha256(inputs.encode()).hexdigest()[:16]
    make_once(target, make, subject="images", waiting=waiting)
    return target / "images.tar"


# Not busybox's own shell and nc: the shell runs its applets before what is on PATH, the nc lacks flags.
_TOOLS = {"busybox": "busybox", "sh": "dash", "curl": "curl", "nc": "nc.openbsd"}


def _agnhost_files(files: Mapping[str, Path]) -> dict[str, Entry]:
    applets = _output(files["bin/busybox"], "--list").split()
    links = {f"bin/{applet}": Entry(link="busybox") for applet in applets}
    return {
        **links,
        **{name: Entry(path.read_bytes()) for name, path in files.items()},
        "etc/group": Entry(b"root:x:0:\nnobody:x:65534:\n", 0o644),
        "etc/nsswitch.conf": Entry(b"hosts: files dns\n", 0o644),
        "etc/passwd": Entry(b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", 0o644),
        "tmp": Entry(mode=0o1777, directory=True),
        "usr/bin/env": Entry(link="/bin/busybox"),
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _output(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
