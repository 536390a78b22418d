"""What a target controls in a local cloud; each verb is a call of the cloud's supervisor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccm_scenarios.contract.values import Mishap
from ccm_scenarios.faults import Fault, FaultOwner

_VERSION_SECONDS = 900.0
"""Each Node is emptied, which takes as long as its Pods need."""

Call = Callable[..., Any]
"""Calls a verb of the supervisor with arguments that are plain data; returns plain data."""


class Process:
    """The running CCM, through the supervisor."""

    def __init__(self, call: Call, upgrade: Path | None = None) -> None:
        self._call = call
        self._upgrade = upgrade

    def start(self, *, upgraded: bool = False) -> bool:
        program = str(self._upgrade) if upgraded and self._upgrade is not None else None
        return bool(self._call("ccm/start", program=program))

    def stop(self) -> None:
        self._call("ccm/stop")

    def logs(self, *, lines: int = 200) -> str:
        return str(self._call("ccm/logs", lines=lines))


class Arrangements:
    """The ways in which the CCM may run, through the supervisor."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def arrange(self, *, replicas: int = 1, routes: bool = True) -> bool:
        return bool(self._call("ccm/arrange", replicas=replicas, routes=routes))

    @property
    def replicas(self) -> list[str]:
        result: list[str] = self._call("ccm/replicas")
        return result

    def kill(self, replica: str) -> None:
        self._call("ccm/kill", replica=replica)

    def changes(self) -> dict[str, int]:
        result: dict[str, int] = self._call("ccm/changes")
        return result


class Metrics:
    """What the running CCM counts, through the supervisor."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def read(self) -> str:
        return str(self._call("ccm/metrics"))


class ApiServer:
    """The API server, through the supervisor."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def restart(self) -> None:
        self._call("api-server/restart")


class Versions:
    """The versions of Kubernetes that the cluster may run, through the supervisor."""

    in_place = True

    def __init__(self, call: Call, older: str, newer: str) -> None:
        self._call = call
        self.older = older
        self.newer = newer

    def change_control_plane(self, version: str) -> None:
        self._call("versions/control-plane", version=version, timeout=_VERSION_SECONDS)

    def change_nodes(self, version: str, *, together: bool = False) -> None:
        self._call("versions/nodes", version=version, together=together, timeout=_VERSION_SECONDS)


class Faults:
    """Faults around the running CCM, through the supervisor."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def set(self, fault: Fault, *, of: FaultOwner = "run") -> None:
        self._call("faults/set", rules=list(fault.source), of=of)

    def clear(self, *, of: FaultOwner = "run") -> None:
        self._call("faults/set", rules=[], of=of)

    def strikes(self, *, of: FaultOwner = "run") -> list[int]:
        result: list[int] = self._call("faults/strikes", of=of)
        return result


class Instances:
    """What befalls instances, through the supervisor."""

    mishaps = tuple(Mishap)

    def __init__(self, call: Call) -> None:
        self._call = call

    def befall(self, instance_id: str, mishap: Mishap) -> None:
        self._call("instances/befall", instance=instance_id, mishap=mishap.value)

    def mend(self, instance_id: str) -> None:
        self._call("instances/mend", instance=instance_id)
