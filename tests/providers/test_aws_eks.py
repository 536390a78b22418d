"""Clusters that EKS manages get other versions of Kubernetes: against moto's EKS, with the updates that it lacks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import moto.eks.urls
import pytest
from moto import mock_aws
from moto.core.responses import ActionResult
from moto.eks.exceptions import InvalidRequestException, ResourceNotFoundException
from moto.eks.models import EKSBackend, eks_backends
from moto.eks.responses import EKSResponse

from ccm_scenarios.contract import CloudError, CloudTimeout, ClusterVersions, Timeouts
from providers.aws import eks
from providers.aws.eks import EksVersions, cluster_at

if TYPE_CHECKING:
    from mypy_boto3_eks.client import EKSClient

REGION, ACCOUNT = "us-east-1", "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/eks"
OLDER, NEWER = "v1.36.3", "v1.37.2"


@dataclass
class Updates:
    """What moto's EKS does not do: it is in hand for one look, and takes place then."""

    ordered: list[str] = field(default_factory=list)
    kube_proxy: str = "v1.37.2-eksbuild.1"
    """Empty: the cluster has no such add-on."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    never: bool = False
    _waiting: dict[str, Callable[[], None]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def backend(self) -> EKSBackend:
        return eks_backends[ACCOUNT][REGION]

    def order(self, what: str, act: Callable[[], None]) -> ActionResult:
        identity = f"update-{next(self._numbers)}"
        self.ordered.append(what)
        self._waiting[identity] = act
        return ActionResult({"update": {"id": identity, "status": "InProgress"}})

    def look(self, identity: str) -> ActionResult:
        if self.never:
            return ActionResult({"update": {"id": identity, "status": "InProgress"}})
        if self.errors:
            return ActionResult({"update": {"id": identity, "status": "Failed", "errors": self.errors}})
        self._waiting.pop(identity)()
        return ActionResult({"update": {"id": identity, "status": "Successful"}})


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> Updates:
    made = Updates()

    def update_cluster_version(response: EKSResponse) -> ActionResult:
        cluster, version = made.backend.describe_cluster(response._get_param("name")), response._get_param("version")
        if any(group.version > version for group in cluster.nodegroups.values()):
            raise InvalidRequestException(message="Nodes are newer than the control plane would be")
        return made.order(f"control plane {version}", lambda: setattr(cluster, "version", version))

    def update_nodegroup_version(response: EKSResponse) -> ActionResult:
        name, version = response._get_param("nodegroupName"), response._get_param("version")
        group = made.backend.describe_nodegroup(response._get_param("name"), name)
        forced = " by force" if response._get_param("force") else ""
        return made.order(f"{name} {version}{forced}", lambda: setattr(group, "version", version))

    def describe_update(response: EKSResponse) -> ActionResult:
        return made.look(response._get_param("updateId"))

    def describe_addon(response: EKSResponse) -> ActionResult:
        if not made.kube_proxy:
            raise ResourceNotFoundException(message="No addon: kube-proxy found")
        return ActionResult({"addon": {"addonName": "kube-proxy", "addonVersion": made.kube_proxy}})

    def update_addon(response: EKSResponse) -> ActionResult:
        version = response._get_param("addonVersion")
        return made.order(f"kube-proxy {version}", lambda: setattr(made, "kube_proxy", version))

    def describe_addon_versions(response: EKSResponse) -> ActionResult:
        version = response._get_param("kubernetesVersion")
        known = [
            {"addonVersion": f"v{version}.{patch}-eksbuild.1", "compatibilities": [{"defaultVersion": patch == 3}]}
            for patch in (4, 3)
            if version != "1.35"
        ]
        return ActionResult({"addons": [{"addonName": "kube-proxy", "addonVersions": known}]})

    cluster = "{0}/clusters/(?P<name>[^/]+)"
    for method, path in (
        (update_cluster_version, f"{cluster}/updates$"),
        (describe_update, f"{cluster}/updates/(?P<updateId>[^/]+)$"),
        (update_nodegroup_version, f"{cluster}/node-groups/(?P<nodegroupName>[^/]+)/update-version$"),
        (describe_addon, f"{cluster}/addons/(?P<addonName>[^/]+)$"),
        (update_addon, f"{cluster}/addons/(?P<addonName>[^/]+)/update$"),
        (describe_addon_versions, "{0}/addons/supported-versions$"),
    ):
        monkeypatch.setattr(EKSResponse, method.__name__, method, raising=False)
        monkeypatch.setitem(moto.eks.urls.url_paths, path, moto.eks.urls.response.dispatch)
    monkeypatch.setattr(eks, "UPDATE_INTERVAL", 0.0)
    return made


@pytest.fixture
def client(updates: Updates, monkeypatch: pytest.MonkeyPatch) -> Iterator[EKSClient]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        made: EKSClient = boto3.client("eks", region_name=REGION)
        made.create_cluster(name="test", version="1.37", roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
        yield made


def add_group(client: EKSClient, name: str, ami_type: Any = "AL2023_x86_64_STANDARD", version: str = "1.37") -> None:
    client.create_nodegroup(
        clusterName="test", nodegroupName=name, subnets=["subnet-1"], nodeRole=ROLE, amiType=ami_type, version=version
    )


def versions(client: EKSClient, version_changed: float = 60) -> EksVersions:
    return EksVersions(client, "test", Timeouts(version_changed=version_changed), OLDER, NEWER)


def test_a_cluster_is_known_by_where_its_api_server_is(client: EKSClient) -> None:
    endpoint = client.describe_cluster(name="test")["cluster"]["endpoint"]
    assert cluster_at(client, endpoint) == cluster_at(client, f"{endpoint.upper()}:443") == "test"
    assert cluster_at(client, "https://198.51.100.1:6443") is None


def test_a_cluster_goes_down_and_up_again_part_by_part(client: EKSClient, updates: Updates) -> None:
    for name in ("one", "two"):
        add_group(client, name)
    control = versions(client)
    assert isinstance(control, ClusterVersions)
    control.change_control_plane(NEWER)
    control.change_nodes(OLDER)
    control.change_control_plane(OLDER)
    control.change_control_plane(NEWER)
    control.change_nodes(NEWER, together=True)
    assert updates.ordered == [
        *("one 1.36", "two 1.36", "kube-proxy v1.36.3-eksbuild.1"),
        *("control plane 1.36", "control plane 1.37"),
        *("one 1.37 by force", "two 1.37 by force", "kube-proxy v1.37.3-eksbuild.1"),
    ]
    assert client.describe_cluster(name="test")["cluster"]["version"] == "1.37"


def test_what_is_there_already_is_left_alone(client: EKSClient, updates: Updates) -> None:
    add_group(client, "one")
    add_group(client, "two", version="1.36")
    updates.kube_proxy = "v1.36.3-eksbuild.1"
    control = versions(client)
    control.change_control_plane(NEWER)
    control.change_nodes(OLDER)
    assert updates.ordered == ["one 1.36"]


def test_kube_proxy_that_is_not_eks_s_is_left_to_its_owner(client: EKSClient, updates: Updates) -> None:
    add_group(client, "one")
    updates.kube_proxy = ""
    versions(client).change_nodes(OLDER)
    assert updates.ordered == ["one 1.36"]


def test_nodes_that_eks_cannot_change_are_refused(client: EKSClient, updates: Updates) -> None:
    with pytest.raises(CloudError, match="test has no managed node groups"):
        versions(client).change_nodes(OLDER)
    add_group(client, "one")
    add_group(client, "own", ami_type="CUSTOM")
    with pytest.raises(CloudError, match=r"with images of their own: own$"):
        versions(client).change_nodes(OLDER)
    assert updates.ordered == []


def test_what_eks_refuses_is_told(client: EKSClient, updates: Updates) -> None:
    add_group(client, "one")
    with pytest.raises(CloudError, match="UpdateClusterVersion: InvalidRequestException"):
        versions(client).change_control_plane(OLDER)
    updates.errors = [{"errorCode": "PodEvictionFailure", "errorMessage": "reached max retries while trying to evict"}]
    with pytest.raises(
        CloudError, match=r"node group one did not get version v1\.36\.3: Failed PodEvictionFailure: rea"
    ):
        versions(client).change_nodes(OLDER)
    updates.errors = []
    with pytest.raises(CloudError, match=r"EKS has no kube-proxy for Kubernetes v1\.35"):
        versions(client).change_nodes("v1.35")


def test_an_update_that_does_not_end_is_given_up(client: EKSClient, updates: Updates) -> None:
    updates.never = True
    with pytest.raises(CloudTimeout, match=r"EKS cluster test was not of version v1\.36\.3 within 0\.1 s"):
        versions(client, version_changed=0.1).change_control_plane(OLDER)
