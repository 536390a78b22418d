"""Managed instance groups whose instances join the cluster."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from google.api_core.exceptions import NotFound

from ccm_scenarios.contract import CloudTimeout, Instance
from providers.gcp.clients import Resource, cloud_errors, last
from providers.gcp.instances import LABELS_ITEM, GcpInstances, labels_item, made_for, owners_of


@dataclass(frozen=True, slots=True)
class GcpNodeGroups:
    """Satisfies `contract.NodeGroups`. A group's identity is its zone and name: `us-central1-a/node-0123abcd`."""

    instances: GcpInstances

    def create(self, *, owner: str, node_labels: Mapping[str, str], size: int) -> str:
        template = self.instances.template("NodeGroups.create")
        name, zone = self.instances.new_name(), self.instances.endpoint.zones[0]
        group = f"{zone}/{name}"
        manager = {
            "name": name,
            "base_instance_name": name,
            "description": made_for(owner),
            "instance_template": template,
            "target_size": size,
            "all_instances_config": {"properties": {"metadata": {LABELS_ITEM: labels_item(node_labels)}}},
        }
        clients = self.instances.clients
        try:
            with cloud_errors(f"insert node group {group}"):
                clients.order(
                    clients.instance_group_managers.insert_unary,
                    seconds=self.instances.timeouts.group_resized,
                    zone=zone,
                    instance_group_manager_resource=manager,
                )
            self._await(group, size, without=())
        except BaseException:
            # Nobody else knows this group yet: an interrupt must not leave it.
            self.delete(group)
            raise
        return group

    def members(self, group: str) -> list[Instance]:
        zone = group.partition("/")[0]
        places = [{"zone": zone, "instance": last(one.instance)} for one in self._managed(group) if _stays(one)]
        return [found for place in places if (found := self.instances.at(place)) is not None]

    def resize(self, group: str, size: int) -> None:
        with cloud_errors(f"resize node group {group}"):
            self._order("resize", group, size=size)
        self._await(group, size, without=())

    def recreate(self, group: str) -> None:
        # Google's own `recreateInstances` gives those that come the names, and so the provider IDs, of those before.
        before = {str(one.id): one.instance for one in self._managed(group) if one.instance}
        doomed = {"instances": list(before.values())}
        with cloud_errors(f"recreate node group {group}"):
            self._order("delete_instances", group, instance_group_managers_delete_instances_request_resource=doomed)
            self._order("resize", group, size=len(before))
        self._await(group, len(before), without=before)

    def created_for(self, owner: str) -> list[str]:
        return [
            f"{last(manager.zone)}/{manager.name}"
            for manager in self._listed()
            if manager.description == made_for(owner)
        ]

    def owners(self) -> set[str]:
        return owners_of(self._listed())

    def _listed(self) -> list[Resource]:
        clients = self.instances.clients
        with cloud_errors("list node groups"):
            pages = clients.ask(clients.instance_group_managers.aggregated_list)
            return [manager for _, scope in pages for manager in scope.instance_group_managers]

    def delete(self, group: str) -> None:
        with cloud_errors(f"delete node group {group}"), suppress(NotFound):
            self._order("delete", group)

    def _order(self, verb: str, group: str, **request: object) -> None:
        clients, timeouts = self.instances.clients, self.instances.timeouts
        zone, _, name = group.partition("/")
        clients.order(
            getattr(clients.instance_group_managers, f"{verb}_unary"),
            seconds=timeouts.group_resized,
            zone=zone,
            instance_group_manager=name,
            **request,
        )

    def _managed(self, group: str) -> list[Resource]:
        """All instances the group counts as its own, those included that come or go, or cannot be made."""
        clients = self.instances.clients
        zone, _, name = group.partition("/")
        with cloud_errors(f"list instances of node group {group}"):
            managers = clients.instance_group_managers
            found = clients.ask(managers.list_managed_instances, zone=zone, instance_group_manager=name)
            return list(found)

    def _await(self, group: str, size: int, *, without: Collection[str]) -> None:
        """Return when the group has so many running instances, and no others."""
        timeouts = self.instances.timeouts
        deadline = time.monotonic() + timeouts.group_resized
        while True:
            tried = self._managed(group)
            present = [one for one in tried if one.instance]
            running = [one for one in present if _stays(one) and one.instance_status == "RUNNING"]
            if len(running) == len(present) == size and {str(one.id) for one in running}.isdisjoint(without):
                return
            if time.monotonic() >= deadline:
                late = f"node group {group} had not {size} running instances alone"
                why = ", ".join({error.code for one in tried for error in one.last_attempt.errors.errors})
                late += f" within {timeouts.group_resized:g} s (Timeouts.group_resized)"
                raise CloudTimeout(f"{late}: {why}" if why else late)
            time.sleep(timeouts.cloud_interval)


def _stays(managed: Resource) -> bool:
    return bool(managed.instance) and managed.current_action not in ("DELETING", "ABANDONING")
