"""The container images of a local cloud, without a registry: one OCI archive for `ctr images import`.

Layout: OCI image layout 1.0, `index.json` with one manifest for each name. Layers are not compressed: each
node unpacks them when it boots. The archive's bytes depend on the programs in it and on nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ccm_scenarios.directories import cache_directory
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.binaries.cache import make_once
from ccm_scenarios.localcloud.binaries.catalogue import AGNHOST_VERSION
from ccm_scenarios.localcloud.requirements import locate

# The names Kubernetes' own tests use (test/utils/image/manifest.go of v1.37.2).
AGNHOST_IMAGE = f"registry.k8s.io/e2e-test-images/agnhost:{AGNHOST_VERSION}"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10.2"

# To be raised when an archive from the same programs would come out different.
_FORMAT = 2


def coredns_image(binaries: Binaries) -> str:
    """The name of the CoreDNS image, for instance `registry.k8s.io/coredns/coredns:v1.15.0`."""
    return f"registry.k8s.io/coredns/coredns:{binaries.version('coredns')}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a layer."""

    data: bytes = b""
    mode: int = 0o755
    link: str = ""
    """Target of a symbolic link; the entry is one if this is set."""
    directory: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """One name in the archive."""

    name: str
    layer: bytes
    entrypoint: Sequence[str]
    command: Sequence[str] = ()


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
    files = {"agnhost": agnhost, **tools, **_libraries(tools.values())}
    dns_name = coredns_image(binaries)
    with ThreadPoolExecutor() as pool:
        digests = dict(zip(files, pool.map(_digest, files.values()), strict=True))
        inputs = json.dumps([_FORMAT, sorted(digests.items()), _digest(coredns), dns_name, _architecture()])

    def make(directory: Path) -> None:
        layer = _layer(_agnhost_files(files))
        dns_layer = _layer({"coredns": Entry(coredns.read_bytes())})
        images = [
            Image(AGNHOST_IMAGE, layer, entrypoint=["/agnhost"], command=["pause"]),
            # The same layer: a sandbox costs a node no second copy. Not agnhost's own pause: to start agnhost takes
            # 30 ms of a core, and every Pod has a sandbox.
            Image(PAUSE_IMAGE, layer, entrypoint=["/bin/sleep", "infinity"]),
            Image(dns_name, dns_layer, entrypoint=["/coredns"]),
        ]
        _write_archive(directory / "images.tar", images)

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


def _libraries(programs: Iterable[Path]) -> dict[str, Path]:
    """The shared libraries of the programs and their loader: place in the image to file here."""
    found: dict[str, Path] = {}
    for program in programs:
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
        # A static program has none, which ldd reports as a failure.
        if listed.returncode == 0:
            for library in re.findall(r"(?:=>\s+|^\s+)(/\S+) \(0x", listed.stdout, re.MULTILINE):
                found[library.lstrip("/")] = Path(library)
    return found


def _layer(entries: Mapping[str, Entry]) -> bytes:
    """A tar with the entries and the directories above them, sorted, all of them root's and of the epoch."""
    parents = {
        str(parent): Entry(directory=True)
        for name in entries
        for parent in PurePosixPath(name).parents
        if parent != PurePosixPath()
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, entry in sorted((parents | dict(entries)).items()):
            info = tarfile.TarInfo(name)
            info.mode = entry.mode
            info.size = len(entry.data)
            if entry.directory:
                info.type = tarfile.DIRTYPE
            elif entry.link:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
            archive.addfile(info, io.BytesIO(entry.data))
    return packed.getvalue()


def _write_archive(path: Path, images: Sequence[Image]) -> None:
    """Write the OCI image layout; blobs that images share are in it once."""
    blobs: dict[str, bytes] = {}

    def blob(media_type: str, content: bytes | dict[str, object]) -> dict[str, object]:
        data = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {
            "mediaType": f"application/vnd.oci.image.{media_type}",
            "digest": f"sha256:{digest}",
            "size": len(data),
        }

    manifests = []
    for image in images:
        layer = blob("layer.v1.tar", image.layer)
        config = blob(
            "config.v1+json",
            {
                "architecture": _architecture(),
                "os": "linux",
                "config": {
                    "Entrypoint": list(image.entrypoint),
                    "Cmd": list(image.command),
                    "Env": ["PATH=/usr/bin:/bin:/"],
                },
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
            },
        )
        manifest: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer],
        }
        annotations = {
            "io.containerd.image.name": image.name,
            "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
        }
        manifests.append(blob("manifest.v1+json", manifest) | {"annotations": annotations})
    layout = {
        "oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode(),
        "index.json": json.dumps({"schemaVersion": 2, "manifests": manifests}, sort_keys=True).encode(),
    }
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in (layout | blobs).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _output(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def _architecture() -> str:
    """The machine's, in the words of Go and OCI."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
