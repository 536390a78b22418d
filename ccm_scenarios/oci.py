"""Container images without a registry and without a builder: layers made of files, and archives that engines load.

An archive is an OCI image layout 1.0 (for `ctr images import`, `podman load`), with the `manifest.json` beside it that
`docker load` reads. Layers are not compressed, and say nothing of when or by whom they were made.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a layer."""

    data: bytes = b""
    mode: int = 0o755
    link: str = ""
    """Target of a symbolic link; the entry is one if this is set."""
    directory: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """A tar that is packed; its file goes when nobody has it any more."""

    file: IO[bytes]
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """One name in an archive."""

    name: str
    layer: Layer
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin:/"})
    user: str = ""
    """By number; root if not said."""
    directory: str = ""
    """Where the command starts; `/` if not said."""


def pack(entries: Iterable[tuple[str, Entry]], beside: Path) -> Layer:
    """A layer with these entries and the directories above them, all of them root's and of the epoch.

    Args:
        entries: place, without a leading slash, and what is there; of several at one place the first stays. A directory
            that is not as usual comes before what is in it.
        beside: the directory whose disk the layer is written to.

    Raises:
        OSError: it cannot be written.
    """
    file = tempfile.TemporaryFile(dir=beside)  # noqa: SIM115 - open as long as the layer
    packed: set[PurePosixPath] = {PurePosixPath()}

    def add(archive: tarfile.TarFile, place: PurePosixPath, entry: Entry) -> None:
        if place in packed:
            return
        add(archive, place.parent, Entry(directory=True))
        packed.add(place)
        info = tarfile.TarInfo(str(place))
        info.mode = entry.mode
        info.size = len(entry.data)
        if entry.directory:
            info.type = tarfile.DIRTYPE
        elif entry.link:
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        archive.addfile(info, io.BytesIO(entry.data))

    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, entry in entries:
            add(archive, PurePosixPath(name), entry)
    size = file.tell()
    file.seek(0)
    return Layer(file, hashlib.file_digest(file, "sha256").hexdigest(), size)


def write(path: Path, images: Sequence[Image]) -> None:
    """Write an archive; blobs that images share are in it once.

    Raises:
        OSError: it cannot be written.
    """
    blobs: dict[str, bytes | Layer] = {}

    def blob(media_type: str, content: Layer | dict[str, object]) -> dict[str, object]:
        if isinstance(content, Layer):
            digest, size = content.digest, content.size
            blobs[_place(digest)] = content
        else:
            data = json.dumps(content, sort_keys=True).encode()
            digest, size = hashlib.sha256(data).hexdigest(), len(data)
            blobs[_place(digest)] = data
        return {
            "mediaType": f"application/vnd.oci.image.{media_type}",
            "digest": f"sha256:{digest}",
            "size": size,
        }

    manifests, for_docker = [], []
    for image in images:
        layer = blob("layer.v1.tar", image.layer)
        config = blob("config.v1+json", _config(image))
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
        digest = str(config["digest"]).partition(":")[2]
        for_docker.append({"Config": _place(digest), "RepoTags": [image.name], "Layers": [_place(image.layer.digest)]})
    layout = {
        "oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode(),
        "index.json": json.dumps({"schemaVersion": 2, "manifests": manifests}, sort_keys=True).encode(),
        "manifest.json": json.dumps(for_docker, sort_keys=True).encode(),
    }
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (layout | blobs).items():
            info = tarfile.TarInfo(name)
            if isinstance(content, Layer):
                info.size = content.size
                content.file.seek(0)
                archive.addfile(info, content.file)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def libraries(programs: Iterable[Path]) -> dict[str, Path]:
    """The shared libraries of programs and libraries, and their loader: place in an image to file here."""
    # A static program has none, which ldd reports as a failure.
    listed = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"(?:=>\s+|^\s+)(/\S+) \(0x", listed, re.MULTILINE)
    return {library.lstrip("/"): Path(library) for library in found}


def architecture() -> str:
    """The machine's, in the words of Go and OCI."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _place(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _config(image: Image) -> dict[str, object]:
    said = {
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
        "Env": ["=".join(pair) for pair in image.environment.items()],
        "User": image.user,
        "WorkingDir": image.directory,
    }
    return {
        "architecture": architecture(),
        "os": "linux",
        "config": {key: value for key, value in said.items() if value or key == "Cmd"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{image.layer.digest}"]},
    }
