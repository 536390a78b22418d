"""What a project needs before a cluster can live in it, made through the API like a user would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import compute_v1
from requests.exceptions import RequestException

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.gcp.client import connect
from ccm_scenarios.localcloud.gcp.desired import NODE_IMAGE

NODE_TAG = "node"
"""Network tag of all nodes; also how their names begin."""
_NETWORK = "default"
_TEMPLATE = "nodes"
_MACHINE_TYPE = "e2-small"
_ZONE_LETTERS = "ab"
_IMAGES = "global/images/"
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Account:
    """Identities of what was made."""

    project: str
    region: str
    zones: tuple[str, ...]
    """Nodes are launched in them in turn."""
    network: str
    subnetwork: str
    node_tag: str
    node_names: tuple[str, ...]
    """Names of the instances, which are also those of their Nodes."""
    instance_template: str
    """Of them, and of those that join later."""


def seed(url: str, *, project: str, region: str, nodes: int) -> Account:
    """Make network, subnetwork, firewall rules, the way to the internet and a template, and launch `nodes` instances.

    Returns while the instances are still being provisioned. Nodes accept everything from each other, from pods and from
    the control plane; traffic of load balancers gets in only by rules the CCM adds.

    Args:
        url: the emulated Compute API, without path.

    Raises:
        EnvironmentProblem: the endpoint did not answer or refused a call.
    """
    try:
        return _seed(url, project, region, nodes)
    except GoogleAPICallError as error:
        raise EnvironmentProblem(f"the emulated Compute API at {url} refused: {error.message}") from error
    except RequestException as error:
        raise EnvironmentProblem(f"no answer from the emulated Compute API at {url}: {type(error).__name__}") from error


def _seed(url: str, project: str, region: str, nodes: int) -> Account:
    zones = tuple(f"{region}-{letter}" for letter in _ZONE_LETTERS)

    def make(kind: Any, **what: Any) -> None:
        connect(kind, url).insert(project=project, **what).result(timeout=_SECONDS)

    make(
        compute_v1.NetworksClient,
        network_resource=compute_v1.Network(name=_NETWORK, auto_create_subnetworks=False),
    )
    network = f"global/networks/{_NETWORK}"
    make(
        compute_v1.SubnetworksClient,
        region=region,
        subnetwork_resource=compute_v1.Subnetwork(name=_NETWORK, network=network, ip_cidr_range=str(addressing.VPC)),
    )
    make(
        compute_v1.RoutesClient,
        route_resource=compute_v1.Route(
            name="internet",
            network=network,
            dest_range="0.0.0.0/0",
            next_hop_gateway=f"projects/{project}/global/gateways/default-internet-gateway",
        ),
    )
    make(
        compute_v1.FirewallsClient,
        firewall_resource=compute_v1.Firewall(
            name="internal",
            description="nodes, pods and the control plane among each other",
            network=network,
            source_ranges=[str(addressing.VPC), str(addressing.POD_CIDR)],
            allowed=[compute_v1.Allowed(I_p_protocol="all")],
        ),
    )
    make(
        compute_v1.InstanceTemplatesClient,
        instance_template_resource=compute_v1.InstanceTemplate(
            name=_TEMPLATE,
            properties=compute_v1.InstanceProperties(
                machine_type=_MACHINE_TYPE,
                can_ip_forward=True,
                tags=compute_v1.Tags(items=[NODE_TAG]),
                disks=[
                    compute_v1.AttachedDisk(
                        boot=True,
                        auto_delete=True,
                        initialize_params=compute_v1.AttachedDiskInitializeParams(source_image=_IMAGES + NODE_IMAGE),
                    )
                ],
                network_interfaces=[compute_v1.NetworkInterface(subnetwork=f"regions/{region}/subnetworks/{_NETWORK}")],
            ),
        ),
    )
    names = tuple(f"{NODE_TAG}-{number}" for number in range(1, nodes + 1))
    client = connect(compute_v1.InstancesClient, url)
    for number, name in enumerate(names):
        zone = zones[number % len(zones)]
        client.insert(
            request={
                "project": project,
                "zone": zone,
                "source_instance_template": f"global/instanceTemplates/{_TEMPLATE}",
                "instance_resource": compute_v1.Instance(name=name),
            }
        )
    return Account(
        project=project,
        region=region,
        zones=zones,
        network=_NETWORK,
        subnetwork=_NETWORK,
        node_tag=NODE_TAG,
        node_names=names,
        instance_template=_TEMPLATE,
    )
