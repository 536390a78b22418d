"""Instances: ordered here, made real by someone else, who reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ccm_scenarios.localcloud.gcp import addresses, errors, groups, labels, links, templates
from ccm_scenarios.localcloud.gcp.kinds import Call, Kind, Reference, Resource
from ccm_scenarios.localcloud.gcp.labels import require_known
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store, fingerprint, region_of, timestamp

BOOTS = "_boots"
"""Number of boots ordered so far, from 1."""
IMAGE = "_image"
"""Name of that of the boot disk, which is told of the disk alone. Empty if none was named."""
DELETED = "_deleted"
"""Set while the instance is on its way out."""
_RESET = "_reset"


def _settle_instance(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    if before is not None:
        return
    for number, interface in enumerate(resource["networkInterfaces"]):
        _settle_interface(store, link, interface, number)
    resource |= {"status": "PROVISIONING", BOOTS: 1, "cpuPlatform": "Intel Broadwell"}
    resource[IMAGE] = _take_image(resource.get("disks", ()))
    for name in ("tags", "metadata"):
        _sign(resource, name, resource.get(name, {}))


def _take_image(disks: Iterable[Resource]) -> str:
    wanted = [disk.pop("initializeParams", {}).get("sourceImage", "") for disk in disks if disk.get("boot")]
    return wanted[0].rpartition("/")[2] if wanted else ""


def _settle_interface(store: Store, link: Link, interface: Resource, number: int) -> None:
    field = "resource.networkInterfaces[]"
    if not interface.get("subnetwork"):
        interface["subnetwork"] = addresses.find_subnetwork(store, interface.get("network"), region_of(link))
    subnetwork = links.parse(interface["subnetwork"], store.project)
    if subnetwork.place != region_of(link):
        raise errors.invalid_field(f"{field}.subnetwork", subnetwork.path, "Must be in the instance's region.")
    network = store.get(subnetwork)["network"]
    if interface.get("network", network) != network:
        raise errors.invalid_field(f"{field}.network", interface["network"], "Must be the subnetwork's.")
    wanted = interface.get("networkIP")
    interface |= {
        "kind": "compute#networkInterface",
        "name": f"nic{number}",
        "network": network,
        "networkIP": addresses.claim_private(store, subnetwork.url, wanted, f"{field}.networkIP")
        if wanted
        else addresses.private(store, subnetwork.url),
        "stackType": "IPV4_ONLY",
    }
    for access in interface.get("accessConfigs", ()):
        access["kind"] = "compute#accessConfig"
        access.setdefault("type", "ONE_TO_ONE_NAT")
        access.setdefault("name", "External NAT")
        if access.get("natIP") and addresses.reserved(store, access["natIP"]) is None:
            raise errors.invalid_field(f"{field}.accessConfigs[].natIP", access["natIP"], "It is not reserved.")
        access["natIP"] = access.get("natIP") or addresses.public(store)
    interface["fingerprint"] = fingerprint(interface)


def _sign(resource: Resource, name: str, content: Mapping[str, Any]) -> None:
    held = {key: value for key, value in content.items() if key != "fingerprint"}
    resource[name] = held | {"fingerprint": fingerprint(held)}


def add_metadata(resource: Resource, items: Mapping[str, str]) -> None:
    """Tell an instance more, in place of what it was told under the same keys."""
    held = {one["key"]: one.get("value", "") for one in resource["metadata"].get("items", ())} | dict(items)
    _sign(resource, "metadata", {"items": [{"key": key, "value": value} for key, value in held.items()]})


def _busy(resource: Resource) -> bool:
    return resource["status"] in ("PROVISIONING", "STOPPING") or bool(resource.get(_RESET))


def _require_ready(link: Link, resource: Resource) -> None:
    if _busy(resource):
        raise errors.not_ready(link.path)


def _start(call: Call) -> None:
    _require_ready(call.link, call.resource)
    if call.resource["status"] == "TERMINATED":
        call.resource["status"] = "PROVISIONING"
        call.resource[BOOTS] += 1


def _stop(call: Call) -> None:
    _require_ready(call.link, call.resource)
    if call.resource["status"] == "RUNNING":
        call.resource["status"] = "STOPPING"


def _reset(call: Call) -> None:
    _require_ready(call.link, call.resource)
    if call.resource["status"] != "RUNNING":
        raise errors.not_ready(call.link.path)
    call.resource[_RESET] = True
    call.resource[BOOTS] += 1


def _end(resource: Resource) -> None:
    resource |= {"status": "STOPPING", DELETED: True}


def arrive(store: Store, link: Link, state: str) -> bool:
    """An instance got where it was ordered to: `running`, `stopped` or `terminated`; False if it no longer shall."""
    resource = store.get(link)
    if state == "terminated" and resource.get(DELETED):
        store.forget(link)
        groups.leave(store, link.url)
        return True
    if state == "stopped" and resource["status"] == "STOPPING" and not resource.get(DELETED):
        resource |= {"status": "TERMINATED", "lastStopTimestamp": timestamp()}
        return True
    if state == "running" and (resource["status"] == "PROVISIONING" or resource.get(_RESET)):
        resource.pop(_RESET, None)
        resource |= {"status": "RUNNING", "lastStartTimestamp": timestamp()}
        return True
    return False


def _set_tags(call: Call) -> None:
    require_known(call.link, call.resource["tags"]["fingerprint"], call.body.get("fingerprint"))
    _sign(call.resource, "tags", call.body)


def _set_metadata(call: Call) -> None:
    require_known(call.link, call.resource["metadata"]["fingerprint"], call.body.get("fingerprint"))
    _sign(call.resource, "metadata", call.body)


def _update_interface(call: Call) -> None:
    name = call.query.get("networkInterface")
    interface = next((one for one in call.resource["networkInterfaces"] if one["name"] == name), None)
    if interface is None:
        raise errors.invalid_field("networkInterface", name, "The instance has no such interface.")
    require_known(call.link, interface["fingerprint"], call.body.get("fingerprint"))
    interface["aliasIpRanges"] = list(call.body.get("aliasIpRanges", interface.get("aliasIpRanges", ())))
    interface["fingerprint"] = fingerprint({key: one for key, one in interface.items() if key != "fingerprint"})


KINDS = (
    Kind(
        collection="instances",
        name="instance",
        references=(
            Reference("machineType"),
            Reference("networkInterfaces.network"),
            Reference("networkInterfaces.subnetwork"),
        ),
        defaults={"canIpForward": False, "deletionProtection": False, "startRestricted": False},
        required=("machineType", "networkInterfaces"),
        output=frozenset(
            {"status", "statusMessage", "fingerprint", "cpuPlatform", "lastStartTimestamp", "lastStopTimestamp"}
        ),
        prefill=templates.prefill,
        settle=_settle_instance,
        ending=_end,
        busy=_busy,
        verbs={
            "start": _start,
            "stop": _stop,
            "reset": _reset,
            "setTags": _set_tags,
            "setMetadata": _set_metadata,
            "setLabels": labels.set_labels,
            "updateNetworkInterface": _update_interface,
        },
        metric="INSTANCES",
    ),
)
