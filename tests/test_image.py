"""The suite's image: read back, and run in a chroot, where nothing of this machine is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest

from ccm_scenarios import image
from ccm_scenarios.errors import UsageError
from tests.installed import IMAGE, PATIENCE, Installed
from tests.test_installation import SCENARIOS


@pytest.fixture(scope="module")
def config(suite_image: Path) -> dict[str, Any]:
    """What the image says of how it runs, found as Docker finds it."""
    with tarfile.open(suite_image) as files:
        (described,) = json.loads(_read(files, "manifest.json"))
        assert described["RepoTags"] == [IMAGE]
        config: dict[str, Any] = json.loads(_read(files, described["Config"]))
    return config


@pytest.fixture(scope="module")
def root(suite_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's file system, found as containerd finds it."""
    directory = tmp_path_factory.mktemp("root")
    directory.chmod(0o755)  # the user of the image is another
    with tarfile.open(suite_image) as files:
        (entry,) = json.loads(_read(files, "index.json"))["manifests"]
        assert entry["annotations"]["io.containerd.image.name"] == IMAGE
        manifest = json.loads(_read(files, _blob(entry)))
        (layer,) = manifest["layers"]
        packed = files.extractfile(_blob(layer))
        assert packed is not None
        command = ["tar", "--extract", "--directory", str(directory)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as unpack:
            assert unpack.stdin is not None
            shutil.copyfileobj(packed, unpack.stdin)
        assert unpack.returncode == 0
    return directory


def _read(files: tarfile.TarFile, name: str) -> bytes:
    file = files.extractfile(name)
    assert file is not None
    return file.read()


def _blob(descriptor: dict[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def run(root: Path, config: dict[str, Any], *command: str) -> subprocess.CompletedProcess[str]:
    """As a container engine runs a command in it: with its user and its environment, and nothing else."""
    said = config["config"]
    script = f'cd {said["WorkingDir"]} && exec "$@"'
    return subprocess.run(
        [str(shutil.which("chroot")), f"--userspec={said['User']}", str(root), "/bin/sh", "-c", script, "sh", *command],
        env=dict(variable.split("=", 1) for variable in said["Env"]),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


@needs_root
def test_the_suite_runs_in_it(root: Path, config: dict[str, Any]) -> None:
    assert config["config"]["Entrypoint"] == ["ccm-scenarios"]
    done = run(root, config, "ccm-scenarios", "run", "--dry-run", "--format=null")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"would run {SCENARIOS} of the scenarios, all steps are defined" in done.stdout


@needs_root
def test_its_adapters_and_reports_work_in_it(root: Path, config: dict[str, Any]) -> None:
    unreachable = """\
    {apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {token: t}}],
    clusters: [{name: c, cluster: {server: "https://127.0.0.1:9"}}],
    contexts: [{name: c, context: {cluster: c, user: u}}]}"""
    (root / "work" / "kubeconfig").write_text(unreachable)
    command = "AWS_REGION=us-east-1 ccm-scenarios run --tags=@aws -D kubeconfig=kubeconfig"
    done = run(root, config, "sh", "-c", command)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the API server https://127.0.0.1:9 does not answer" in done.stderr


@needs_root
def test_python_finds_all_that_it_needs(root: Path, config: dict[str, Any]) -> None:
    # Each with a library or a file of its own, which only the machine had if it was forgotten; the last ends a thread.
    script = "import bz2, ctypes, lzma, sqlite3, ssl, uuid, yaml, pydantic_core, multiprocessing; "
    script += "ctypes.CDLL('libgcc_s.so.1'); multiprocessing.get_context('fork').Process(target=print).start()"
    done = run(root, config, "python", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


@needs_root
def test_nothing_is_compiled_again(root: Path, config: dict[str, Any]) -> None:
    done = run(root, config, "python", "-v", "-c", "import ccm_scenarios.cli, kubernetes, boto3")
    assert done.returncode == 0, done.stderr
    read = [line for line in done.stderr.splitlines() if line.startswith("# code object from ")]
    assert len(read) > 100
    assert [line for line in read if not line.endswith(".pyc'")] == []


def test_it_has_what_is_required_and_no_more(root: Path, installed: Installed) -> None:
    (packages,) = root.glob("opt/ccm-scenarios/lib/python3.*/site-packages")
    names = {PathDistribution(path).name for path in packages.glob("*.dist-info")}
    assert {"ccm-scenarios", "behave", "kubernetes", "botocore", "urllib3"} <= names
    assert names.isdisjoint({"pytest", "mypy", "moto", "google-cloud-compute"})
    assert not [path for path in root.rglob("*") if path.name in ("idlelib", "_tkinter", "pip")]


def test_an_extra_is_in_it_if_it_is_asked_for(installed: Installed, tmp_path: Path) -> None:
    script = "from ccm_scenarios.image import distributions as of; print(*sorted(d.name for d in of(['{}'])))"
    without, with_it = (
        set(installed.run("python", "-c", script.format(wanted), cwd=tmp_path).stdout.split())
        for wanted in ("ccm-scenarios", "ccm-scenarios[gcp]")
    )
    # The second by an extra of what the extra requires.
    assert {"google-cloud-compute", "grpcio"} <= with_it - without


def test_what_an_image_cannot_be_made_of_is_refused(installed: Installed, tmp_path: Path) -> None:
    for arguments, line in {
        ("a.tar", "--package", "none-such"): "none-such is not installed here",
        ("a.tar", "--package", "[x]"): "'[x]' names no package",
        ("no/such/directory.tar",): "cannot write no/such/directory.tar: No such file or directory",
    }.items():
        done = installed.run("ccm-scenarios", "image", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert line in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_editable_installation_has_not_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ccm-scenarios is installed editable"):
        image.build(tmp_path / "a.tar")
