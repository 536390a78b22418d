"""Clusters that EKS manages, and their versions of Kubernetes.

What EKS changes is one of its updates, and is done when that is. A control plane goes back one minor version within
seven days after it was upgraded, never below the version it was made with, and by the same call as up (EKS's user
guide, "Roll back a cluster to a previous Kubernetes version"); managed node groups go up and back by calls of their
own, and have their instances replaced by others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from ccm_scenarios.contract import CloudError, CloudTimeout, Timeouts
from providers.aws.clients import cloud_errors, code_of

if TYPE_CHECKING:
    from mypy_boto3_eks.client import EKSClient
    from mypy_boto3_eks.type_defs import NodegroupTypeDef, UpdateTypeDef

KUBE_PROXY = "kube-proxy"
"""The add-on that runs on every Node and is of a version of Kubernetes, too."""
UNDER_WAY = "InProgress"
DONE = "Successful"
OWN_IMAGE = "CUSTOM"
"""A node group's `amiType` where its launch template names an image that EKS knows nothing of."""
UPDATE_INTERVAL = 15.0
"""Seconds between two questions after an update: it takes minutes (EKS's own waiters ask every 30 s)."""


def cluster_at(eks: EKSClient, server: str) -> str | None:
    """Name of the region's EKS cluster whose API server is at this URL; None if there is none."""
    with cloud_errors("ListClusters"):
        for page in eks.get_paginator("list_clusters").paginate():
            for name in page["clusters"]:
                if _host(eks.describe_cluster(name=name)["cluster"].get("endpoint", "")) == _host(server):
                    return name
    return None


@dataclass(frozen=True, slots=True)
class EksVersions:
    """Satisfies `contract.ClusterVersions`."""

    eks: EKSClient
    cluster: str
    timeouts: Timeouts
    older: str
    newer: str
    in_place: bool = False

    def change_control_plane(self, version: str) -> None:
        with cloud_errors("UpdateClusterVersion"):
            if self.eks.describe_cluster(name=self.cluster)["cluster"]["version"] == _minor(version):
                return
            update = self.eks.update_cluster_version(name=self.cluster, version=_minor(version))["update"]
        self._await([(f"EKS cluster {self.cluster}", update, {})], version)

    def change_nodes(self, version: str, *, together: bool = False) -> None:
        """All managed node groups, and kube-proxy if it is EKS's add-on.

        Args:
            together: then no disruption budget holds it up.

        Raises:
            CloudError: there is no managed node group, or one whose image is not EKS's own: somebody else must do it.
        """
        groups = list(self._groups())
        if not groups:
            raise CloudError(f"EKS cluster {self.cluster} has no managed node groups: EKS cannot change its Nodes")
        if own := [group["nodegroupName"] for group in groups if group.get("amiType") == OWN_IMAGE]:
            raise CloudError(f"EKS cannot change node groups with images of their own: {', '.join(sorted(own))}")
        updates: list[tuple[str, UpdateTypeDef, Mapping[str, str]]] = []
        for name in (group["nodegroupName"] for group in groups if group["version"] != _minor(version)):
            with cloud_errors("UpdateNodegroupVersion"):
                update = self.eks.update_nodegroup_version(
                    clusterName=self.cluster, nodegroupName=name, version=_minor(version), force=together
                )["update"]
            updates.append((f"node group {name}", update, {"nodegroupName": name}))
        self._await(updates, version)
        self._change_kube_proxy(version)

    def _groups(self) -> Iterator[NodegroupTypeDef]:
        with cloud_errors("ListNodegroups"):
            for page in self.eks.get_paginator("list_nodegroups").paginate(clusterName=self.cluster):
                for name in page["nodegroups"]:
                    yield self.eks.describe_nodegroup(clusterName=self.cluster, nodegroupName=name)["nodegroup"]

    def _change_kube_proxy(self, version: str) -> None:
        with cloud_errors("UpdateAddon"):
            try:
                addon = self.eks.describe_addon(clusterName=self.cluster, addonName=KUBE_PROXY)["addon"]
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    return  # the cluster's owner runs it in another way, and has to change it as well
                raise
            wanted = self._kube_proxy_of(version)
            if addon["addonVersion"] == wanted:
                return
            update = self.eks.update_addon(
                clusterName=self.cluster, addonName=KUBE_PROXY, addonVersion=wanted, resolveConflicts="PRESERVE"
            )["update"]
        self._await([(f"add-on {KUBE_PROXY}", update, {"addonName": KUBE_PROXY})], version)

    def _kube_proxy_of(self, version: str) -> str:
        """The add-on's version that EKS has by default with this one of Kubernetes."""
        pages = self.eks.get_paginator("describe_addon_versions").paginate(
            addonName=KUBE_PROXY, kubernetesVersion=_minor(version)
        )
        for page in pages:
            for addon in page["addons"]:
                for known in addon["addonVersions"]:
                    if any(one.get("defaultVersion") for one in known["compatibilities"]):
                        return known["addonVersion"]
        raise CloudError(f"EKS has no {KUBE_PROXY} for Kubernetes {version}")

    def _await(self, updates: list[tuple[str, UpdateTypeDef, Mapping[str, str]]], version: str) -> None:
        """Return when all are done.

        Args:
            updates: of what, as it began, and further arguments to ask after it.

        Raises:
            CloudError: one failed; the message is EKS's.
            CloudTimeout: one was not done within `Timeouts.version_changed`.
        """
        seconds = self.timeouts.version_changed
        deadline = time.monotonic() + seconds
        for what, begun, further in updates:
            update = begun
            while update["status"] == UNDER_WAY:
                if time.monotonic() >= deadline:
                    raise CloudTimeout(
                        f"{what} was not of version {version} within {seconds:g} s (Timeouts.version_changed)"
                    )
                time.sleep(UPDATE_INTERVAL)
                with cloud_errors("DescribeUpdate"):
                    update = self.eks.describe_update(name=self.cluster, updateId=begun["id"], **further)["update"]
            if update["status"] != DONE:
                why = "; ".join(f"{one['errorCode']}: {one['errorMessage']}" for one in update.get("errors", ()))
                raise CloudError(f"{what} did not get version {version}: {update['status']} {why}".rstrip())


def _minor(version: str) -> str:
    """As EKS spells it: `1.37` for `v1.37.2`."""
    return ".".join(version.removeprefix("v").split(".")[:2])


def _host(url: str) -> str | None:
    return urlsplit(url).hostname
