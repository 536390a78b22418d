"""What every emulated cloud tells whoever makes it real, whatever its own words for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

Power = Literal["running", "stopped", "terminated"]


class DesiredMachine(Protocol):
    """One instance, as far as the hypervisor minds. It is told of until its end was reported."""

    @property
    def id(self) -> str:
        """Identity that no other instance ever has; its last twelve characters alone tell it from the others."""
        ...

    @property
    def name(self) -> str:
        """Host name, and name of its Node."""
        ...

    @property
    def power(self) -> Power:
        """Where it should get to: already `stopped` while it is being stopped."""
        ...

    @property
    def boot_generation(self) -> int:
        """Number of boots ordered so far, from 1: a start or a reboot raises it."""
        ...

    @property
    def private_ip(self) -> str: ...

    @property
    def node_labels(self) -> Mapping[str, str]:
        """Labels its Node registers with."""
        ...

    @property
    def hollow(self) -> bool:
        """The cloud's API alone knows it, and nothing runs on it."""
        ...


class DesiredMachines(Protocol):
    """A snapshot: immutable, and equal to another if there is nothing to do between them."""

    @property
    def instances(self) -> Mapping[str, DesiredMachine]:
        """By id."""
        ...

    @property
    def routes(self) -> Mapping[str, str]:
        """Destination CIDR to the id of the instance that packets go to."""
        ...


State = TypeVar("State", bound=DesiredMachines, covariant=True)


class EmulatedCloud(Protocol[State]):
    """An API that only says what should be, and hears from whoever makes it real."""

    def app(self) -> WSGIApplication:
        """Its endpoint, for any threaded WSGI server."""
        ...

    def desired(self) -> State:
        """What should be now; the same object until something changes."""
        ...

    def holdings(self) -> Mapping[str, str]:
        """All that there is in the cloud, by what tells one from the other, to what it is like now. Of an instance that
        has gone nothing is left; how healthy targets are is not part of it."""
        ...

    def report_instance(self, instance_id: str, state: Power) -> None:
        """An instance got there. A report that comes too late for its order changes nothing.

        Raises:
            LookupError: there never was such an instance, or it is forgotten.
        """
        ...
