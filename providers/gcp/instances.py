"""Compute Engine instances behind Nodes.

An instance is told from others by its number: one that takes its name later has another.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import compute_v1

from ccm_scenarios.contract import (
    CloudTimeout,
    Endpoint,
    Instance,
    InstanceNotFound,
    InstanceState,
    NotDeclared,
    Timeouts,
)
from providers.gcp.clients import Clients, Resource, cloud_errors, last

PROVIDER_ID_PREFIX = "gce://"
_PROVIDER_ID = re.compile(r"gce://(?P<project>[^/]+)/(?P<zone>[^/]+)/(?P<name>[^/]+)")
NOBODY = "ccm-scenarios-nobody"
"""A name that is never given."""
LABELS_ITEM = "kube-labels"
"""Metadata item that tells a Node's labels, `a=b,c=d`; images whose kubelets heed it exist for GKE's sake."""

STATES = {
    "PROVISIONING": InstanceState.PENDING,
    "STAGING": InstanceState.PENDING,
    "RUNNING": InstanceState.RUNNING,
    "REPAIRING": InstanceState.RUNNING,
    "STOPPING": InstanceState.STOPPING,
    "SUSPENDING": InstanceState.STOPPING,
    "SUSPENDED": InstanceState.STOPPED,
    "TERMINATED": InstanceState.STOPPED,
}
"""In Google's words what was stopped is `TERMINATED`, and what is terminated is not there."""


_MADE_FOR = "made by ccm-scenarios for "


def made_for(owner: str) -> str:
    """The description of what is made for an owner."""
    return _MADE_FOR + owner


def owners_of(found: Iterable[Resource]) -> set[str]:
    """For whom these were made, as their descriptions say; what has another was made by somebody else."""
    return {one.description.removeprefix(_MADE_FOR) for one in found if one.description.startswith(_MADE_FOR)}


def labels_item(node_labels: Mapping[str, str]) -> str:
    """Labels as `LABELS_ITEM` has them."""
    return ",".join(f"{key}={value}" for key, value in node_labels.items())


@dataclass(frozen=True, slots=True)
class GcpInstances:
    """Satisfies `contract.Instances`."""

    clients: Clients
    endpoint: Endpoint
    timeouts: Timeouts

    def own_labels(self, provider_id: str) -> Mapping[str, str]:
        raise NotDeclared("gcp", "Instances.own_labels")

    @property
    def unknown_provider_id(self) -> str:
        return self._provider_id(self._some_zone(), NOBODY)

    def get(self, provider_id: str) -> Instance:
        found = _PROVIDER_ID.fullmatch(provider_id)
        if found is None or found["project"] != self.clients.project:
            raise InstanceNotFound(provider_id)
        seen = self.at({"zone": found["zone"], "instance": found["name"]})
        if seen is None:
            raise InstanceNotFound(provider_id)
        return seen

    def at(self, place: Mapping[str, str]) -> Instance | None:
        """The instance of that zone and name (`instance`), if there is one."""
        with cloud_errors(f"get instance {place['instance']}"):
            seen = self.clients.find(self.clients.instances.get, **place)
        return self._instance(seen) if seen is not None else None

    def numbers(self) -> dict[str, str]:
        """All instances there are: path from `zones/` on, to their ids."""
        return {f"zones/{last(seen.zone)}/instances/{seen.name}": str(seen.id) for seen in self._listed()}

    def launch(self, *, owner: str, node_labels: Mapping[str, str], in_place_of: Instance | None = None) -> Instance:
        template = self.template("Instances.launch")
        name = last(in_place_of.provider_id) if in_place_of is not None else self.new_name()
        place = {"zone": self._zone_for(in_place_of), "instance": name}
        wanted = {"name": name, "description": made_for(owner), **self._changes(node_labels, in_place_of)}
        try:
            return self._change(
                place,
                self.clients.instances.insert_unary,
                {"zone": place["zone"], "source_instance_template": template, "instance_resource": wanted},
                InstanceState.RUNNING,
                "instance_launch",
            )
        except BaseException:
            # Nobody else knows this instance yet: an interrupt must not leave it running.
            with cloud_errors(f"delete instance {name}"):
                seen = self.clients.find(self.clients.instances.get, **place)
                if seen is not None and seen.description == made_for(owner):
                    self.clients.find(self.clients.instances.delete_unary, **place)
            raise

    def add_internal_address(self, instance_id: str) -> str:
        raise NotDeclared("gcp", "Instances.add_internal_address")

    def launched_for(self, owner: str) -> list[Instance]:
        return [self._instance(seen) for seen in self._listed(f'description="{made_for(owner)}"')]

    def owners(self) -> set[str]:
        return owners_of(self._listed())

    def delete(self, instance_id: str) -> None:
        try:
            place = self._place(instance_id)
        except InstanceNotFound:
            return
        seconds = self.timeouts.instance_delete
        with cloud_errors(f"delete instance {place['instance']}"):
            try:
                self.clients.order(self.clients.instances.delete_unary, seconds=seconds, **place)
            except NotFound:
                return  # Somebody else was quicker.
            except CloudTimeout:
                late = f"instance {place['instance']} was not gone within {seconds:g} s (Timeouts.instance_delete)"
                raise CloudTimeout(late) from None

    def stop(self, instance_id: str) -> None:
        place = self._place(instance_id)
        self._change(place, self.clients.instances.stop_unary, place, InstanceState.STOPPED, "instance_stop")

    def start(self, instance_id: str) -> None:
        place = self._place(instance_id)
        self._change(place, self.clients.instances.start_unary, place, InstanceState.RUNNING, "instance_start")

    def reboot(self, instance_id: str) -> None:
        # Compute Engine has no other: nothing that runs on the instance is told.
        place = self._place(instance_id)
        with cloud_errors(f"reset instance {instance_id}"):
            self.clients.ask(self.clients.instances.reset_unary, **place)

    def template(self, verb: str) -> str:
        """Link of the template of instances that join the cluster.

        Raises:
            NotDeclared: none is known.
        """
        name = self.endpoint.node_template.get("instance_template")
        if name is None or not self.endpoint.zones:
            raise NotDeclared("gcp", verb)
        return f"projects/{self.clients.project}/global/instanceTemplates/{name}"

    def new_name(self) -> str:
        """A name for a new instance. It begins as those of all the cluster's instances do: the CCM looks at no others
        if it was told their prefix."""
        prefix = self.endpoint.node_template.get("tags", "ccm-scenarios").partition(",")[0]
        return f"{prefix}-{secrets.token_hex(4)}"

    def _changes(self, node_labels: Mapping[str, str], in_place_of: Instance | None) -> dict[str, Any]:
        """What is to be another than in the template."""
        name = self.endpoint.node_template["instance_template"]
        with cloud_errors(f"get instance template {name}"):
            template = self.clients.ask(self.clients.instance_templates.get, instance_template=name).properties
        items = [item for item in template.metadata.items if item.key != LABELS_ITEM]
        if node_labels:
            items.append(compute_v1.Items(key=LABELS_ITEM, value=labels_item(node_labels)))
        changes: dict[str, Any] = {"metadata": compute_v1.Metadata(items=items)}
        if in_place_of is not None:
            interface = compute_v1.NetworkInterface(template.network_interfaces[0])
            interface.network_i_p = next(
                one for kind, one in sorted(in_place_of.node_addresses) if kind == "InternalIP"
            )
            changes["network_interfaces"] = [interface]
        return changes

    def _zone_for(self, in_place_of: Instance | None) -> str:
        """The first, but not that of an instance whose place is taken: its provider ID is to be another."""
        there = in_place_of.zone if in_place_of is not None else None
        zones = [zone for zone in self.endpoint.zones if zone != there]
        if not zones:
            raise NotDeclared("gcp", "Instances.launch(in_place_of=…)")
        return zones[0]

    def _some_zone(self) -> str:
        if self.endpoint.zones:
            return self.endpoint.zones[0]
        with cloud_errors("get region"):
            region = self.clients.ask(self.clients.regions.get, region=self.clients.region)
        return last(region.zones[0])

    def _listed(self, filter: str = "") -> list[Resource]:
        with cloud_errors("list instances"):
            chosen = {"filter": filter} if filter else {}
            pages = self.clients.ask(self.clients.instances.aggregated_list, **chosen)
            return [seen for _, scope in pages for seen in scope.instances]

    def _place(self, instance_id: str) -> dict[str, str]:
        """Where an instance is, and its name."""
        found = self._listed(f"id={instance_id}") if instance_id.isdecimal() else []
        if not found:
            raise InstanceNotFound(instance_id)
        return {"zone": last(found[0].zone), "instance": found[0].name}

    def _change(
        self,
        place: Mapping[str, str],
        method: Callable[..., Resource],
        request: Mapping[str, Any],
        wanted: InstanceState,
        timeout: str,
    ) -> Instance:
        """Order something of an instance, and wait until it is in the state wanted."""
        name = place["instance"]
        seconds: float = getattr(self.timeouts, timeout)
        deadline = time.monotonic() + seconds
        late = CloudTimeout(f"instance {name} was not {wanted.value} within {seconds:g} s (Timeouts.{timeout})")
        with cloud_errors(f"{method.__name__.removesuffix('_unary')} instance {name}"):
            try:
                self.clients.order(method, seconds=seconds, **request)
            except CloudTimeout:
                raise late from None
        while True:
            seen = self.at(place)
            if seen is None:
                raise InstanceNotFound(name)
            if seen.state is wanted:
                return seen
            if time.monotonic() >= deadline:
                raise late
            time.sleep(self.timeouts.cloud_interval)

    def _instance(self, seen: Resource) -> Instance:
        zone = last(seen.zone)
        return Instance(
            id=str(seen.id),
            state=STATES[seen.status],
            instance_type=last(seen.machine_type),
            zone=zone,
            region=zone.rpartition("-")[0],
            provider_id=self._provider_id(zone, seen.name),
            node_addresses=frozenset(
                [("InternalIP", interface.network_i_p) for interface in seen.network_interfaces]
                + [
                    ("ExternalIP", way.nat_i_p)
                    for interface in seen.network_interfaces
                    for way in interface.access_configs
                ]
            ),
        )

    def _provider_id(self, zone: str, name: str) -> str:
        return f"{PROVIDER_ID_PREFIX}{self.clients.project}/{zone}/{name}"
