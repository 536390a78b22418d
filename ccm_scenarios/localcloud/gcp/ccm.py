"""How the GCE cloud controller manager is told where its cloud is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccm_scenarios.localcloud.gcp.methods import ROOT

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.gcp.account import Account


def cloud_config(account: Account, url: str) -> str:
    """The file for `--cloud-config`. With project and zone given it asks the metadata server for nothing but a token.

    Args:
        url: the Compute API, without path; the CCM puts its versions there, so it must not contain `v1`.
    """
    network = f"{ROOT}projects/{account.project}/global/networks/{account.network}"
    subnetwork = f"{ROOT}projects/{account.project}/regions/{account.region}/subnetworks/{account.subnetwork}"
    return f"""\
[global]
project-id = {account.project}
local-zone = {account.zones[0]}
regional = true
network-name = {network}
subnetwork-name = {subnetwork}
node-tags = {account.node_tag}
node-instance-prefix = {account.node_tag}
api-endpoint = {url}/compute/v1/
"""


def ccm_environment(host: str) -> dict[str, str]:
    """Variables Google's libraries read.

    Args:
        host: address and port of the metadata server.
    """
    return {"GCE_METADATA_HOST": host}
