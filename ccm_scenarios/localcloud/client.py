"""How the rest of the world meets a local cloud: start, find, enter, question and end it. Light to import."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx

from ccm_scenarios.contract.protocols import (
    ApiServer,
    Arrangements,
    ClusterVersions,
    ControllerManager,
    Machines,
    Metrics,
)
from ccm_scenarios.contract.values import Endpoint
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.localcloud import clouds, controls, linux
from ccm_scenarios.localcloud.network import CLIENT_NAMESPACE
from ccm_scenarios.localcloud.process import tail
from ccm_scenarios.localcloud.state import State

_ANSWER_SECONDS = 120.0
_STATUS_SECONDS = 10.0
_LOAD_SECONDS = 600.0
"""Each instance unpacks the images."""
_lifelines: dict[str, IO[str]] = {}
"""Pipes whose end, by whatever end of this process, is the end of the clouds it owns."""


class LocalCloud:
    """A local cloud that is ready."""

    def __init__(self, state: State, info: Mapping[str, Any]) -> None:
        self._state = state
        self._first_process = state.first_process()
        self.name = state.name
        self.cloud = str(info["cloud"])
        """Which cloud it is, as in `clouds`."""
        self.kubeconfig = Path(info["kubeconfig"])
        self.endpoint = Endpoint(**info["endpoint"])
        self.ccm_version = str(info["ccm_version"])
        self.realistic = bool(info["realistic"])
        """Whether it has production's periods, not quick ones."""
        self.arrangements: Arrangements = controls.Arrangements(self._call)
        self.metrics: Metrics = controls.Metrics(self._call)
        self.api_server: ApiServer = controls.ApiServer(self._call)
        self.faults = controls.Faults(self._call)
        self.machines: Machines = controls.Instances(self._call)
        self._environment: Mapping[str, str] = info["environment"]
        versions: list[str] = info["versions"]
        self.versions: ClusterVersions | None = controls.Versions(self._call, *versions) if len(versions) == 2 else None

    def _call(self, verb: str, *, timeout: float = _ANSWER_SECONDS, **arguments: Any) -> Any:
        transport = httpx.HTTPTransport(uds=str(self._state.control))
        try:
            with httpx.Client(transport=transport, base_url="http://local", timeout=timeout) as client:
                answer = client.post(f"/{verb}", json=arguments)
        except httpx.TransportError as error:
            raise EnvironmentProblem(
                f"local cloud {self.name!r} does not answer ({error}): end it with `ccm-scenarios localcloud down`"
            ) from error
        if answer.status_code != httpx.codes.OK:
            raise EnvironmentProblem(f"local cloud {self.name!r}: {answer.json()['error']}")
        return answer.json()["result"]

    def controller_manager(self, upgrade: Path | None = None) -> ControllerManager:
        """Control over the CCM.

        Args:
            upgrade: another build of it, to be run in place of the usual one.
        """
        return controls.Process(self._call, upgrade)

    def is_there(self) -> bool:
        """Whether this very cloud still runs, not one of the same name that came after it."""
        return self._state.is_alive() and self._state.first_process() == self._first_process

    def status(self) -> dict[str, Any]:
        """Control plane, CCM, instances with their Nodes, load balancers, memory in use (MiB)."""
        result: dict[str, Any] = self._call("status", timeout=_STATUS_SECONDS)
        return result

    def picture(self) -> dict[str, str]:
        """What there is in the cloud and of Nodes, Services and namespaces in the cluster, to what it is like now."""
        result: dict[str, str] = self._call("picture")
        return result

    def load(self, archive: Path) -> list[str]:
        """Give the container images of an archive to the instances that run now; returns their names.

        Raises:
            EnvironmentProblem: one of them cannot take them.
        """
        result: list[str] = self._call("images/load", archive=str(archive.resolve()), timeout=_LOAD_SECONDS)
        return result

    def evidence(self) -> dict[str, str]:
        """File name -> text: what the cloud's own side says when something failed."""
        result: dict[str, str] = self._call("evidence")
        return result

    def enter(self) -> None:
        """Move the calling thread outside the cluster, onto the cloud's internet side; threads it starts follow."""
        linux.enter_network(self._inside(CLIENT_NAMESPACE))

    def _inside(self, path: Path) -> Path:
        pid = self._state.first_process()
        if pid is None:
            raise EnvironmentProblem(f"local cloud {self.name!r} ended")
        return Path(f"/proc/{pid}/root{path}")

    def environment(self) -> dict[str, str]:
        """Variables with which kubectl and the cloud's own tools meet this cloud, from inside its client's network."""
        return {"KUBECONFIG": str(self.kubeconfig), **self._environment}

    def run(self, command: list[str]) -> int:
        """Run a program as the outside client, with the region's name server; returns its exit code."""
        pid = os.fork()
        if pid == 0:
            code = 127
            try:
                self.enter()
                linux.unshare(linux.NEW_MOUNT)
                linux.private_mounts()
                resolver = self._state.directory / "resolv.conf"
                resolver.write_text(f"nameserver {self.endpoint.nameserver}\n")
                linux.bind(resolver, Path("/etc/resolv.conf").resolve())
                os.execvpe(command[0], command, {**os.environ, **self.environment()})
            except OSError as error:
                print(f"ccm-scenarios: {command[0]}: {error.strerror or error}", file=sys.stderr)
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @property
    def owned(self) -> bool:
        """Whether this process started it and it ends with this process."""
        return self.name in _lifelines

    def down(self) -> None:
        """End it and everything of it."""
        down(self.name)


def find(name: str) -> LocalCloud | None:
    """The local cloud of this name, if it runs and is ready."""
    state = State(name)
    if not state.is_alive():
        return None
    with contextlib.suppress(FileNotFoundError):
        return LocalCloud(state, json.loads(state.info.read_text()))
    return None


def up(
    name: str,
    *,
    cloud: str = clouds.DEFAULT,
    nodes: int = 3,
    ccm: Path | None = None,
    realistic: bool = False,
    owned: bool,
    progress: Callable[[str], None],
    faults: Sequence[Mapping[str, Any]] = (),
) -> LocalCloud:
    """Start a local cloud, or return the one of this name that is ready.

    Args:
        name: up to 30 lower-case letters, digits, hyphens.
        cloud: which cloud it is, one of `clouds.names()`.
        nodes: instances to launch at first.
        ccm: another CCM binary to judge; None means the one built here.
        realistic: with production's periods, not quick ones.
        owned: the cloud ends with the calling process, however that ends.
        progress: told in words what is going on.
        faults: rules, as plain data, that hold before the CCM starts; one that runs already is given none.

    Raises:
        UsageError: a running one is another cloud, judges another CCM or has other periods, or an argument makes no
            sense.
        EnvironmentProblem: the machine cannot carry it; nothing is left behind.
    """
    from ccm_scenarios.localcloud import binaries, images, requirements

    if nodes < 1:
        raise UsageError(f"a local cloud needs at least one node, not {nodes}")
    if ccm is not None and not (ccm.is_file() and os.access(ccm, os.X_OK)):
        raise UsageError(f"{ccm} is no executable file: -D ccm takes the path of a CCM binary")
    component = clouds.find(cloud).component
    requirements.check()
    state = State(name)
    with state.lock():
        if (running := find(name)) is not None:
            if running.cloud != cloud:
                raise UsageError(other_cloud(running, cloud))
            if ccm is not None:
                raise UsageError(
                    f"local cloud {name!r} runs already: end it with `ccm-scenarios localcloud down --name {name}` "
                    f"before bringing another CCM"
                )
            if running.realistic != realistic:
                raise UsageError(other_periods(running))
            return running
        try:
            state.end()
            prepared = binaries.prepare(progress=binaries.ConsoleProgress(), components=binaries.for_ccm(component))
            archive = images.prepare_images(prepared)
            state.log.mkdir(exist_ok=True)
            state.raise_limits()
            options = {
                "cloud": cloud,
                "nodes": nodes,
                "ccm": str(ccm.resolve()) if ccm else None,
                "realistic": realistic,
                "owned": owned,
                "faults": list(faults),
                "binaries": prepared.to_json(),
                "images": str(archive),
            }
            (state.directory / "options.json").write_text(json.dumps(options))
            _boot(state, progress)
        except BaseException:
            _let_go(name)
            state.end()
            raise
    found = find(name)
    if found is None:
        raise EnvironmentProblem(f"local cloud {name!r} ended as soon as it was ready")
    if not owned:
        _let_go(name)
    return found


def other_cloud(running: LocalCloud, wanted: str) -> str:
    """Why a cloud that runs is not the one that was asked for."""
    return (
        f"local cloud {running.name!r} runs already and is {running.cloud}, not {wanted}: choose another name, or end "
        f"it with `ccm-scenarios localcloud down --name {running.name}`"
    )


def other_periods(running: LocalCloud) -> str:
    """Why a cloud that runs is not the one that was asked for."""
    has, other = ("realistic", "quick") if running.realistic else ("quick", "realistic")
    return (
        f"local cloud {running.name!r} runs already, with {has} periods and not with {other} ones: choose another "
        f"name, or end it with `ccm-scenarios localcloud down --name {running.name}`"
    )


def _boot(state: State, progress: Callable[[str], None]) -> None:
    with (state.log / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ccm_scenarios.localcloud.supervisor", str(state.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert process.stdin is not None and process.stdout is not None
    _lifelines[state.name] = process.stdin
    # The launcher ends at once; its grandchild is the cloud.
    with process.stdout as messages:
        for line in messages:
            message = json.loads(line)
            if "progress" in message:
                progress(message["progress"])
            elif "error" in message:
                process.wait()
                # Expected problems say all in one line; whatever else went wrong comes with where it did.
                sys.stderr.write(message.get("detail", ""))
                raise EnvironmentProblem(message["error"])
            elif "ready" in message:
                process.wait()
                return
    process.wait()
    last = tail(state.log / "supervisor.log", 1)
    raise EnvironmentProblem(f"the local cloud ended while starting: {last or 'it left no message'}")


def _let_go(name: str) -> None:
    if lifeline := _lifelines.pop(name, None):
        with contextlib.suppress(OSError):
            lifeline.close()


def down(name: str) -> bool:
    """End the local cloud of this name and remove all it left, in whatever state; returns whether there was one."""
    state = State(name)
    with state.lock():
        _let_go(name)
        return state.end()
