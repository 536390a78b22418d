"""How the AWS cloud controller manager is told where its cloud is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.aws.account import Account


def cloud_config(account: Account) -> str:
    """The file for `--cloud-config`. With VPC, subnet and cluster ID given it never asks an instance metadata
    service."""
    return f"""\
[Global]
Region = {account.region}
VPC = {account.vpc_id}
SubnetID = {account.subnet_id}
KubernetesClusterID = {account.cluster}
"""


def ccm_environment(url: str, *, access_key_id: str, secret_access_key: str) -> dict[str, str]:
    """Variables the AWS SDK reads: endpoint and credentials."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
