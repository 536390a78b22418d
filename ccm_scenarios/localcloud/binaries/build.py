"""One `go build` for one component, into the cache."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ccm_scenarios.directories import cache_directory
from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud.binaries.cache import make_once
from ccm_scenarios.localcloud.binaries.catalogue import Component
from ccm_scenarios.localcloud.binaries.progress import Progress
from ccm_scenarios.localcloud.binaries.toolchain import Toolchain

_SHOWN_LINES = 15
_FLAGS = ("-v", "-mod=readonly", "-trimpath")
_ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-buildvcs=false",
    "GOOS": "linux",
    # The build is what go.mod says: no newer compiler fetched, no workspace of the directories above.
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
_NO_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|network is unreachable"
    r"|proxyconnect|TLS handshake|disabled by GOPROXY=off"
)
_ACTIVITY = re.compile(r"(?:go: downloading )?([\w.~/-]+(?: v\S+)?)")


def location(component: Component, go: Toolchain) -> Path:
    """Where the component's binaries are, or will be: the name holds a hash of all they are made from."""
    inputs = json.dumps(
        [
            (component.directory / "go.mod").read_text(),
            (component.directory / "go.sum").read_text(),
            sorted(component.packages.items()),
            component.ldflags,
            _FLAGS,
            _ENVIRONMENT,
            go.version,
            go.architecture,
            *(source.read_text() for source in component.sources),
        ]
    )
    digest = hashlib.sha256(inputs.encode()).hexdigest()[:16]
    return cache_directory("binaries") / f"{component.name}-{component.version}-{digest}"


def build(component: Component, go: Toolchain, progress: Progress, *, index: int, total: int) -> None:
    """Build the component unless it is in the cache; returns when `location` holds all its binaries.

    Raises:
        EnvironmentProblem: the disk is full, modules cannot be downloaded, or the compiler fails.
    """

    def make(directory: Path) -> None:
        started = time.monotonic()
        progress.started(component.name, index=index, total=total)
        success = False
        try:
            _compile(component, go, directory, progress.activity)
            success = True
        finally:
            progress.finished(component.name, seconds=time.monotonic() - started, success=success)

    make_once(
        location(component, go),
        make,
        subject=component.name,
        waiting=lambda: progress.waiting(component.name),
    )


def _compile(component: Component, go: Toolchain, directory: Path, activity: Callable[[str], None]) -> None:
    # Go's scratch files are kept beside the result: the same disk, and gone with it if the build is killed.
    scratch = directory / "scratch"
    scratch.mkdir()
    # Go names a binary after its package; only a single one can be given another name.
    output = directory / next(iter(component.packages)) if len(component.packages) == 1 else directory
    command = [
        *(str(go.executable), "build", *_FLAGS, "-ldflags", component.ldflags),
        *("-o", str(output) if output != directory else f"{directory}/"),
        *component.packages.values(),
    ]
    environment = os.environ | _ENVIRONMENT | {"GOARCH": go.architecture, "GOTMPDIR": str(scratch)}
    code, said = _run(command, component.directory, environment, activity)
    if code != 0:
        raise _failure(component, go, said)
    shutil.rmtree(scratch)


def _run(
    command: Sequence[str], directory: Path, environment: dict[str, str], activity: Callable[[str], None]
) -> tuple[int, list[str]]:
    """Run Go; its exit code, and the last lines it said that are not mere progress."""
    # Should this process be killed, the kernel ends Go: nobody would take its result.
    guard = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
    said: deque[str] = deque(maxlen=_SHOWN_LINES)
    with subprocess.Popen(
        [*guard, *command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if progress := _ACTIVITY.fullmatch(line.strip()):
                    activity(progress.group(1))
                else:
                    said.append(line.rstrip())
            process.wait()
        finally:
            # Interrupted: the whole group goes, compilers and linkers included. Go's caches take that well.
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, list(said)


def _failure(component: Component, go: Toolchain, said: Sequence[str]) -> EnvironmentProblem:
    # A module proxy's address can carry a password.
    lines = [re.sub(r"://[^/@\s]+@", "://", line) for line in said]
    for line in lines:
        if "no space left on device" in line:
            places = ", ".join(str(path) for path in (cache_directory("binaries"), *go.caches))
            return EnvironmentProblem(f"the disk filled up while {component.name} was built: free space for {places}")
        if _NO_NETWORK.search(line):
            return EnvironmentProblem(
                f"cannot download the Go modules of {component.name}, check the network and GOPROXY: {line}"
            )
    return EnvironmentProblem("\n    ".join([f"{go.executable} could not build {component.name}:", *lines]))
