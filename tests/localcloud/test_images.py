"""The archive is read back, run in a chroot, and imported by the real containerd."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import binaries as binaries_package
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.images import AGNHOST_IMAGE, PAUSE_IMAGE, coredns_image, prepare_images

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def binaries() -> Binaries:
    return binaries_package.prepare(components=["kubernetes", "coredns", "containerd"])


@pytest.fixture(scope="module")
def archive(binaries: Binaries) -> Path:
    return prepare_images(binaries)


class Layout:
    """Reads an OCI layout and checks every digest on the way."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as archive:
            self.infos = archive.getmembers()
            self.files = {info.name: archive.extractfile(info).read() for info in self.infos}  # type: ignore[union-attr]
        self.manifests: dict[str, Any] = {}
        self.configs: dict[str, Any] = {}
        for entry in json.loads(self.files["index.json"])["manifests"]:
            name = entry["annotations"]["io.containerd.image.name"]
            self.manifests[name] = json.loads(self.blob(entry))
            self.configs[name] = json.loads(self.blob(self.manifests[name]["config"]))

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        algorithm, digest = descriptor["digest"].split(":")
        data = self.files[f"blobs/{algorithm}/{digest}"]
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (digest, descriptor["size"])
        return data


@pytest.fixture(scope="module")
def layout(archive: Path) -> Layout:
    return Layout(archive)


@pytest.fixture(scope="module")
def root(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agnhost image's file system, unpacked."""
    directory = tmp_path_factory.mktemp("root")
    packed = directory.with_suffix(".tar")
    packed.write_bytes(layout.blob(layout.manifests[AGNHOST_IMAGE]["layers"][0]))
    # Python's own extraction takes a filter only from 3.11.4 on, and warns without one later.
    subprocess.run(["tar", "--extract", "--file", packed, "--directory", directory], check=True)
    packed.unlink()
    return directory


def test_the_archive_holds_the_three_names(layout: Layout, binaries: Binaries) -> None:
    assert coredns_image(binaries) == "registry.k8s.io/coredns/coredns:v1.15.0"
    assert set(layout.manifests) == {AGNHOST_IMAGE, PAUSE_IMAGE, coredns_image(binaries)}
    for name, config in layout.configs.items():
        layers = [layer["digest"] for layer in layout.manifests[name]["layers"]]
        # Not compressed: a layer's digest is that of its content.
        assert config["rootfs"]["diff_ids"] == layers
    assert layout.configs[AGNHOST_IMAGE]["config"]["Entrypoint"] == ["/agnhost"]
    assert layout.configs[PAUSE_IMAGE]["config"]["Entrypoint"] == ["/bin/sleep", "infinity"]
    assert layout.configs[coredns_image(binaries)]["config"]["Entrypoint"] == ["/coredns"]


def test_pause_costs_no_layer_of_its_own(layout: Layout) -> None:
    assert layout.manifests[PAUSE_IMAGE]["layers"] == layout.manifests[AGNHOST_IMAGE]["layers"]
    big = [info for info in layout.infos if info.size > 2**20]
    assert len(big) == 2


def test_the_layers_say_nothing_of_when_or_by_whom_they_were_made(root: Path, layout: Layout) -> None:
    assert all((info.mtime, info.uid, info.gid) == (0, 0, 0) for info in layout.infos)
    names = [path.relative_to(root) for path in root.rglob("*")]
    assert names
    assert all((root / name).lstat().st_mtime == 0 for name in names if not (root / name).is_symlink())


def test_the_same_inputs_give_the_same_bytes(
    binaries: Binaries, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    again = prepare_images(binaries)
    assert again != archive
    assert again.parent.name == archive.parent.name
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(archive.read_bytes()).digest()


def test_another_program_gives_another_archive(
    binaries: Binaries, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("dash", "curl", "nc.openbsd", "busybox"):
        shutil.copy(str(shutil.which(name)), path / name)
    shutil.copy("/bin/true", path / "nc.openbsd")
    monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert prepare_images(binaries).parent.name != archive.parent.name


def test_a_missing_tool_is_named_with_its_package(
    binaries: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="busybox is missing: apt-get install busybox"):
        prepare_images(binaries)


@needs_root
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("agnhost --version", "version 2.66.1"),
        ("curl --version", "libcurl/"),
        ("nc -h", "OpenBSD netcat"),
        ("env true && ls /tmp && wc -c /etc/passwd && echo tools", "tools"),
        ("readlink /bin/ls; readlink /bin/sh || echo a shell of its own", "busybox\na shell of its own"),
    ],
)
def test_the_image_has_what_upstreams_tests_run_in_it(root: Path, command: str, expected: str) -> None:
    ran = subprocess.run(
        [str(shutil.which("chroot")), root, "/bin/sh", "-c", command],
        env={"PATH": "/usr/bin:/bin:/"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert expected in ran.stdout


LOOK_UP = """
import socket, subprocess, sys

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
server.settimeout(5)
for name in ("from-hosts", "from-dns"):
    curl = ["chroot", sys.argv[1], "/bin/curl", "-sS", f"http://{name}.test:9/"]
    subprocess.run(curl, stdin=subprocess.DEVNULL, timeout=20)
sys.stdout.buffer.write(server.recv(512))
"""


@needs_root
def test_names_are_looked_up_in_hosts_and_in_dns(root: Path) -> None:
    (root / "etc/hosts").write_text("127.0.0.1 from-hosts.test\n")
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    # In a network namespace of its own: port 53 is free there.
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", LOOK_UP, root], capture_output=True, check=True, timeout=60
    )
    assert b"Failed to connect to from-hosts.test port 9" in ran.stderr
    assert b"Could not resolve host: from-dns.test" in ran.stderr
    assert b"\x08from-dns\x04test\x00" in ran.stdout


def eventually_there(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


@pytest.fixture
def containerd(binaries: Binaries) -> Iterator[list[str]]:
    """A containerd of the test's own; yields the `ctr` command that talks to it."""
    # Not in tmp_path: a socket's path may have 107 bytes only.
    directory = Path(tempfile.mkdtemp(prefix="ctrd-"))
    listening = directory / "containerd.sock"
    config = directory / "config.toml"
    config.write_text(
        f'version = 3\nroot = "{directory}/root"\nstate = "{directory}/state"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\naddress = "{listening}"\n[ttrpc]\naddress = "{listening}.ttrpc"\n'
    )
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [binaries.path("containerd"), "--config", config], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        eventually_there(listening)
        ctr = [str(binaries.path("ctr")), "--address", str(listening)]
        subprocess.run([*ctr, "version"], check=True, stdout=subprocess.DEVNULL, timeout=30)
        yield [*ctr, "--namespace", "k8s.io"]
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(directory)


@needs_root
def test_the_real_containerd_imports_and_unpacks_them(containerd: list[str], archive: Path, binaries: Binaries) -> None:
    subprocess.run([*containerd, "images", "import", "--local", archive], check=True, timeout=60)
    listed = subprocess.run([*containerd, "images", "ls", "-q"], check=True, capture_output=True, text=True)
    assert set(listed.stdout.split()) == {AGNHOST_IMAGE, PAUSE_IMAGE, coredns_image(binaries)}
    checked = subprocess.run([*containerd, "images", "check"], check=True, capture_output=True, text=True)
    lines = checked.stdout.splitlines()[1:]
    assert len(lines) == 3
    assert all("complete" in line and line.rstrip().endswith("true") for line in lines)
    snapshots = subprocess.run(
        [*containerd, "snapshots", "ls"], check=True, capture_output=True, text=True
    ).stdout.splitlines()[1:]
    assert len(snapshots) == 2
