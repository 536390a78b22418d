"""Real `go build`s of a module without dependencies in a cache of the test's own; the real catalogue."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from ccm_scenarios.directories import cache_directory
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.localcloud.binaries import Binaries, ConsoleProgress, prepare
from ccm_scenarios.localcloud.binaries.build import build, location
from ccm_scenarios.localcloud.binaries.catalogue import CATALOGUE, Component, select
from ccm_scenarios.localcloud.binaries.progress import Silence
from ccm_scenarios.localcloud.binaries.toolchain import Toolchain, find_go
from ccm_scenarios.localcloud.releases import releases
from tests.localcloud.host import require_built

GO_MOD = """\
module example.test/greeter

go 1.21

require example.test/pinned v1.2.3 // indirect
"""
HELLO = """\
package main

import "fmt"

var word = "unset"

func main() { fmt.Println("hello", word) }
"""


@dataclass
class Recorder:
    """Keeps a build's course."""

    events: list[str] = field(default_factory=list)
    activities: list[str] = field(default_factory=list)

    def waiting(self, component: str) -> None:
        self.events.append(f"waiting {component}")

    def started(self, component: str, *, index: int, total: int) -> None:
        self.events.append(f"started {component} {index}/{total}")

    def activity(self, text: str) -> None:
        self.activities.append(text)

    def finished(self, component: str, *, seconds: float, success: bool) -> None:
        assert seconds > 0
        self.events.append(f"finished {component} {success}")


@pytest.fixture(scope="session")
def go() -> Toolchain:
    return find_go()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Toolchain) -> Path:
    # Go's own cache would move along and be empty: the standard library need not be compiled for each test.
    monkeypatch.setenv("GOCACHE", str(go.caches[0]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CCM_SCENARIOS_BINARIES", raising=False)
    return tmp_path / "cache" / "ccm-scenarios" / "binaries"


@pytest.fixture
def greeter(tmp_path: Path, cache: Path) -> Component:
    directory = tmp_path / "modules" / "greeter"
    for name in ("hello", "bye"):
        (directory / name).mkdir(parents=True)
        # Never seen before, so that Go's own cache cannot keep the compiler from showing what it does.
        comment = f'// {uuid.uuid4()}\nvar unique = "{uuid.uuid4()}"\n'
        (directory / name / "main.go").write_text(HELLO.replace("hello", name) + comment)
    (directory / "go.mod").write_text(GO_MOD)
    (directory / "go.sum").write_text("")
    return Component(
        name="greeter",
        module="example.test/pinned",
        packages={name: f"example.test/greeter/{name}" for name in ("hello", "bye")},
        version_command=("hello",),
        disk=1,
        stamps={"main.word": "{version}/{major}/{minor}"},
        root=tmp_path / "modules",
    )


def run_build(component: Component, go: Toolchain) -> Recorder:
    recorder = Recorder()
    build(component, go, recorder, index=1, total=1)
    return recorder


def visible(cache: Path) -> list[str]:
    """What the cache holds beside locks."""
    return sorted(path.name for path in cache.glob("*") if path.suffix != ".lock")


def test_a_component_is_built_once_with_its_version_stamped_in(greeter: Component, go: Toolchain) -> None:
    first = run_build(greeter, go)
    assert first.events == ["started greeter 1/1", "finished greeter True"]
    assert "example.test/greeter/hello" in first.activities

    directory = location(greeter, go)
    assert sorted(path.name for path in directory.iterdir()) == ["bye", "hello"]
    said = subprocess.run([directory / "hello"], capture_output=True, text=True, check=True).stdout
    assert said == "hello v1.2.3/1/2\n"

    assert run_build(greeter, go).events == []


def test_a_single_package_gets_the_name_the_catalogue_gives_it(greeter: Component, go: Toolchain) -> None:
    renamed = replace(greeter, packages={"welcome": "example.test/greeter/hello"})
    run_build(renamed, go)
    assert [path.name for path in location(renamed, go).iterdir()] == ["welcome"]


def test_every_input_changes_the_place_in_the_cache(greeter: Component, go: Toolchain) -> None:
    places = {location(greeter, go), location(greeter, go)}
    assert len(places) == 1
    for other in (
        replace(greeter, stamps={}),
        replace(greeter, packages={"hello": "example.test/greeter/hello"}),
    ):
        places.add(location(other, go))
    places.add(location(greeter, replace(go, version="go1.99.0")))
    places.add(location(greeter, replace(go, architecture="arm64")))
    (greeter.directory / "go.sum").write_text("example.test/pinned v1.2.3 h1:AAAA=\n")
    places.add(location(greeter, go))
    (greeter.directory / "go.mod").write_text(GO_MOD.replace("v1.2.3", "v1.2.4"))
    places.add(location(greeter, go))
    (greeter.directory / "main.go").write_text("package main\n\nfunc main() {}\n")
    places.add(location(greeter, go))
    assert len(places) == 8


def test_a_component_can_be_a_program_of_its_own(greeter: Component, go: Toolchain) -> None:
    (greeter.directory / "main.go").write_text(HELLO.replace("hello", "own"))
    own = replace(greeter, packages={"own": "."})
    run_build(own, go)
    said = subprocess.run([location(own, go) / "own"], capture_output=True, text=True, check=True).stdout
    assert said == "own v1.2.3/1/2\n"


def test_what_is_made_on_request_is_not_made_without_one() -> None:
    on_request = {component.name for component in CATALOGUE if component.on_request}
    assert on_request
    assert not on_request & {component.name for component in select(None)}
    assert {component.name for component in select(list(on_request))} == on_request


def test_a_failed_build_shows_the_compilers_words_and_leaves_nothing(
    greeter: Component, go: Toolchain, cache: Path
) -> None:
    (greeter.directory / "hello" / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    recorder = Recorder()
    with pytest.raises(EnvironmentProblem, match=r"could not build greeter:\n.*\n.*undefined: missing"):
        build(greeter, go, recorder, index=1, total=1)
    assert recorder.events[-1] == "finished greeter False"
    assert visible(cache) == []


def test_modules_that_cannot_be_downloaded_are_told_apart_and_no_password_shows(
    greeter: Component, go: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "https://user:hunter2@127.0.0.1:9")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "mod"))
    (greeter.directory / "hello" / "main.go").write_text(
        'package main\n\nimport _ "example.test/pinned"\n\nfunc main() {}\n'
    )
    (greeter.directory / "go.sum").write_text(
        "example.test/pinned v1.2.3 h1:0000000000000000000000000000000000000000000=\n"
        "example.test/pinned v1.2.3/go.mod h1:0000000000000000000000000000000000000000000=\n"
    )
    with pytest.raises(EnvironmentProblem, match="cannot download the Go modules of greeter") as caught:
        run_build(greeter, go)
    assert "hunter2" not in str(caught.value)
    assert "user" not in str(caught.value)


BUILD_IN_ANOTHER_PROCESS = """
import json, os, sys
from pathlib import Path
from ccm_scenarios.errors import CcmScenariosError
from ccm_scenarios.localcloud.binaries import ConsoleProgress
from ccm_scenarios.localcloud.binaries.build import build
from ccm_scenarios.localcloud.binaries.catalogue import Component
from ccm_scenarios.localcloud.binaries.toolchain import find_go

given = json.loads(sys.argv[1])
component = Component(**{**given, "root": Path(given["root"]), "version_command": ()})
try:
    build(component, find_go(), ConsoleProgress(), index=1, total=1)
except CcmScenariosError as error:
    sys.exit(f"error: {error}")
"""


@pytest.fixture
def build_elsewhere(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a build in a process of its own; its standard error is a pipe."""
    started: list[subprocess.Popen[str]] = []

    def start(component: Component, *prefix: str, **environment: str) -> subprocess.Popen[str]:
        given = {
            "name": component.name,
            "module": component.module,
            "packages": dict(component.packages),
            "disk": 1,
            "root": str(component.root),
            "stamps": dict(component.stamps),
        }
        process = subprocess.Popen(
            [*prefix, sys.executable, "-c", BUILD_IN_ANOTHER_PROCESS, json.dumps(given)],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def stalled_go(tmp_path: Path) -> Path:
    """A directory for PATH: its `go build` runs a child and does not end while `<directory>/hold` exists.

    The pids of both are in `<directory>/pids`, which appears once they run.
    """
    directory = tmp_path / "path"
    directory.mkdir()
    (directory / "hold").touch()
    script = directory / "go"
    script.write_text(
        textwrap.dedent(
            f"""\
            #!/bin/sh
            if [ "$1" = build ] && [ -e {directory}/hold ]; then
                sleep 600 &
                echo "$$ $!" > {directory}/pids.new
                mv {directory}/pids.new {directory}/pids
                while [ -e {directory}/hold ]; do sleep 0.05; done
                kill $!
            fi
            exec {shutil.which("go")} "$@"
            """
        )
    )
    script.chmod(0o755)
    return directory


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_of_two_builds_at_once_the_second_waits_and_says_so(
    greeter: Component,
    go: Toolchain,
    cache: Path,
    stalled_go: Path,
    build_elsewhere: Callable[..., subprocess.Popen[str]],
) -> None:
    path = f"{stalled_go}:{os.environ['PATH']}"
    first = build_elsewhere(greeter, PATH=path)
    eventually((stalled_go / "pids").exists)
    second = build_elsewhere(greeter)
    assert second.stderr is not None
    assert second.stderr.readline() == "waiting for another build of greeter\n"
    (stalled_go / "hold").unlink()
    assert "built greeter" in first.communicate(timeout=60)[1]
    assert second.communicate(timeout=60)[1] == ""
    assert (first.returncode, second.returncode) == (0, 0)
    assert visible(cache) == [location(greeter, go).name]


def test_an_interrupt_ends_the_compiler_and_leaves_nothing(
    greeter: Component, cache: Path, stalled_go: Path, build_elsewhere: Callable[..., subprocess.Popen[str]]
) -> None:
    process = build_elsewhere(greeter, PATH=f"{stalled_go}:{os.environ['PATH']}")
    eventually((stalled_go / "pids").exists)
    pids = [int(pid) for pid in (stalled_go / "pids").read_text().split()]
    assert all(alive(pid) for pid in pids)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    eventually(lambda: not any(alive(pid) for pid in pids), seconds=5)
    assert visible(cache) == []


def test_a_killed_build_ends_go_and_the_next_one_removes_what_it_left(
    greeter: Component,
    go: Toolchain,
    cache: Path,
    stalled_go: Path,
    build_elsewhere: Callable[..., subprocess.Popen[str]],
) -> None:
    process = build_elsewhere(greeter, PATH=f"{stalled_go}:{os.environ['PATH']}")
    eventually((stalled_go / "pids").exists)
    go_pid, child = (int(pid) for pid in (stalled_go / "pids").read_text().split())
    process.kill()
    process.wait()
    eventually(lambda: not alive(go_pid), seconds=5)
    # The stand-in's sleep is no short-lived compiler: it would outlive the test.
    os.kill(child, signal.SIGKILL)
    assert len(visible(cache)) == 1
    assert visible(cache)[0].startswith(".greeter.tmp-")
    run_build(greeter, go)
    assert visible(cache) == [location(greeter, go).name]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which needs root")
def test_a_disk_that_fills_up_is_named(
    greeter: Component, cache: Path, build_elsewhere: Callable[..., subprocess.Popen[str]]
) -> None:
    cache.mkdir(parents=True)
    small_disk = f'mount -t tmpfs -o size=300k tmpfs {cache} && exec "$@"'
    process = build_elsewhere(greeter, "unshare", "--mount", "sh", "-c", small_disk, "sh")
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "error: the disk filled up while greeter was built: free space for" in said
    assert str(cache) in said


def test_an_unwritable_cache_is_named(
    greeter: Component, go: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EnvironmentProblem, match=r"cannot write the cache .*/file/ccm-scenarios"):
        build(greeter, go, Silence(), index=1, total=1)


def test_what_is_prepared_can_be_handed_to_another_process(tmp_path: Path) -> None:
    components = {component.name: component for component in select(["etcd", "coredns"])}
    binaries = Binaries(components, dict.fromkeys(components, tmp_path), prebuilt=True)
    assert Binaries.from_json(json.loads(json.dumps(binaries.to_json()))) == binaries


def test_the_cache_follows_the_xdg_specification(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_directory("images") == tmp_path / ".cache/ccm-scenarios/images"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert cache_directory("images") == tmp_path / ".cache/ccm-scenarios/images"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_directory("images") == Path("/elsewhere/ccm-scenarios/images")


def test_without_go_the_message_says_what_to_install(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=r"Go is needed.*golang-go.*CCM_SCENARIOS_BINARIES"):
        prepare()


def fake_go(directory: Path, version: str) -> None:
    """Put a `go` into the directory that says it is of this version, and builds nothing."""
    answer = json.dumps(
        {"GOVERSION": version, "GOHOSTARCH": "amd64", "GOCACHE": str(directory), "GOMODCACHE": str(directory)}
    )
    (directory / "go").write_text(f"#!/bin/sh\n[ \"$1\" = env ] && echo '{answer}'\n")
    (directory / "go").chmod(0o755)


@pytest.mark.parametrize("version", ["go1.19.8", "go1.26.5", "devel +abcdef"])
def test_an_old_go_is_refused_before_anything_is_built(
    version: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    needed = {component.name: component.go_version for component in CATALOGUE}["containerd"]
    with pytest.raises(EnvironmentProblem, match=rf"is {version[:5]}.*, but Go {needed} or newer is needed"):
        prepare()
    assert visible(cache) == []


@pytest.mark.parametrize("version", ["go1.26.6", "go1.27.0", "go1.100.0", "devel go1.28-abcdef Mon"])
def test_a_new_enough_go_is_taken(version: str, go: Toolchain) -> None:
    replace(go, version=version).require(CATALOGUE)


def test_a_small_disk_is_refused_before_anything_is_built(cache: Path) -> None:
    go = find_go()
    hungry = replace(CATALOGUE[0], disk=2**60)
    with pytest.raises(EnvironmentProblem, match=rf"the disk of {cache} has .* building etcd may take"):
        go.require_disk([hungry], cache)
    go.require_disk([replace(hungry, disk=1)], cache)


def test_prebuilt_binaries_are_used_in_place_and_asked_for_their_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in select(["etcd"])[0].packages:
        (tmp_path / name).write_text("#!/bin/sh\necho etcd Version: 9.8.7-rc.1\necho Go Version: go1.2.3\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("CCM_SCENARIOS_BINARIES", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    binaries = prepare(components=["etcd"])
    assert binaries.path("etcd") == tmp_path / "etcd"
    assert binaries.directories == (tmp_path,)
    assert binaries.version("etcd") == "v9.8.7-rc.1"


def test_prebuilt_binaries_of_the_release_before_are_in_a_directory_of_their_own_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCM_SCENARIOS_BINARIES", str(tmp_path))
    now, before = select(["kubernetes", "kubernetes-previous"])
    for component in (now, before):
        directory = tmp_path / before.name if component is before else tmp_path
        version = "v1.1.2" if component is before else "v1.2.3"
        directory.mkdir(exist_ok=True)
        for name in component.packages:
            (directory / name).write_text(f"#!/bin/sh\necho Kubernetes {version}\n")
            (directory / name).chmod(0o755)
    binaries = prepare(components=[now.name, before.name])
    assert binaries.path("kubelet") == tmp_path / "kubelet"
    older, newer = releases(binaries)
    assert older.directory == tmp_path / before.name
    assert (older.version, older.minor, newer.version) == ("v1.1.2", "1.1", "v1.2.3")
    (tmp_path / before.name / "kubelet").unlink()
    with pytest.raises(EnvironmentProblem, match=r"lacks these executables: kubelet$"):
        prepare(components=[before.name])
    shutil.rmtree(tmp_path / before.name)
    assert [one.version for one in releases(prepare(components=[now.name, before.name]))] == [newer.version]


def test_a_prebuilt_binary_that_does_not_run_or_does_not_say_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCM_SCENARIOS_BINARIES", str(tmp_path))
    (tmp_path / "etcd").write_text("no program")
    (tmp_path / "etcd").chmod(0o755)
    with pytest.raises(EnvironmentProblem, match="does not run"):
        prepare(components=["etcd"]).version("etcd")
    (tmp_path / "etcd").write_text("#!/bin/sh\necho unknown\n")
    with pytest.raises(EnvironmentProblem, match="names no version: 'unknown'"):
        prepare(components=["etcd"]).version("etcd")


def test_missing_prebuilt_binaries_are_all_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCM_SCENARIOS_BINARIES", str(tmp_path))
    for name in ("ptp", "loopback"):
        (tmp_path / name).touch(mode=0o755)
    (tmp_path / "portmap").touch(mode=0o644)
    with pytest.raises(EnvironmentProblem, match=r"lacks these executables: host-local, portmap$"):
        prepare(components=["cni-plugins"])
    monkeypatch.setenv("CCM_SCENARIOS_BINARIES", str(tmp_path / "ptp"))
    with pytest.raises(EnvironmentProblem, match="is no directory"):
        prepare()


def test_unknown_names_are_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match="no component docker; known are etcd, containerd"):
        prepare(components=["docker"])
    etcd = select(["etcd"])[0]
    binaries = Binaries(components={"etcd": etcd}, locations={"etcd": Path("/x")}, prebuilt=False)
    with pytest.raises(UsageError, match="no binary 'kubelet' is prepared; there are etcd"):
        binaries.path("kubelet")
    with pytest.raises(UsageError, match="no component 'coredns' is prepared"):
        binaries.version("coredns")


@pytest.mark.parametrize("terminal", [False, True])
def test_the_console_shows_starts_and_ends(terminal: bool) -> None:
    written = io.StringIO()
    progress = ConsoleProgress(Console(file=written, force_terminal=terminal, width=100, highlight=False))
    progress.started("etcd", index=1, total=2)
    progress.activity("go.etcd.io/etcd/server/v3")
    progress.finished("etcd", seconds=3.2, success=True)
    progress.started("coredns", index=2, total=2)
    progress.finished("coredns", seconds=0.4, success=False)
    lines = [
        "(1/2) building etcd",
        "(1/2) built etcd in 3 s",
        "(2/2) building coredns",
        "(2/2) did not build coredns in 0 s",
    ]
    if terminal:
        assert all(line in written.getvalue() for line in lines)
        assert "go.etcd.io/etcd/server/v3" in written.getvalue()
    else:
        assert written.getvalue().splitlines() == lines


@pytest.mark.parametrize("component", CATALOGUE, ids=lambda component: component.name)
def test_the_real_binaries_are_of_the_versions_their_go_mod_pins(component: Component, go: Toolchain) -> None:
    require_built(component.name)
    binaries = prepare(components=[component.name])
    for name in component.packages:
        assert os.access(binaries.locations[component.name] / name, os.X_OK)
    asked = replace(binaries, prebuilt=True)
    assert asked.version(component.name) == component.version
