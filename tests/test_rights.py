"""The rights that are told to be needed are those that the code's calls need: none is missing, none superfluous."""

from __future__ import annotations

import ast
import inspect
import json
import re
from types import SimpleNamespace
from typing import Any

import kubernetes.client
import pytest
import yaml
from kubernetes.client import ApiClient, ApiException
from typer.testing import CliRunner

from ccm_scenarios.cli import app
from ccm_scenarios.contract import Timeouts, rights
from ccm_scenarios.contract.rights import Part
from ccm_scenarios.errors import UsageError
from ccm_scenarios.kube import rights as of_cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.rights import Right, right_for
from tests.sources import differences, syntax_of


class Rest:
    """In place of the client's transport: answers every call with nothing that can be used."""

    def request(self, method: str, url: str, **_: Any) -> Any:
        return SimpleNamespace(status=500, reason="none", data=b"", read=lambda: b"", headers={}, getheaders=dict)

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def cluster() -> Cluster:
    """One that answers nothing; what it would need is noted."""
    api = ApiClient()
    api.rest_client = Rest()
    rights.take_used()
    return Cluster(api, Timeouts())


ONLY_WATCHED = {"list_namespaced_lease"}
"""Methods that are named, and never called to list."""


def used_of_cluster() -> set[str]:
    return set(rights.take_used().get(rights.KUBERNETES, ()))


def everywhere(right: str) -> str:
    """Without the namespace where it is needed: code often has none to be seen."""
    return str(Right.parse(right).everywhere)


def call(method: Any, **arguments: Any) -> None:
    """Call with something for each argument that is needed."""
    needed = [each for each in inspect.signature(method).parameters.values() if each.default is each.empty]
    words = {each.name: {} if each.name == "body" else "x" for each in needed if each.kind is not each.VAR_KEYWORD}
    with pytest.raises(ApiException):
        method(**words, **arguments)


def test_what_the_suite_calls_of_a_cluster_is_what_it_says_to_need(cluster: Cluster) -> None:
    kinds: list[Any] = [
        kind for name, kind in inspect.getmembers(kubernetes.client, inspect.isclass) if name.endswith("V1Api")
    ]
    api = cluster.core.api_client
    methods = {
        name: (kind, method)
        for kind in kinds
        for name, method in vars(kind).items()
        if hasattr(kind, f"_{name}_serialize")
    }
    named = {node.attr for node in syntax_of("ccm_scenarios", "steps") if isinstance(node, ast.Attribute)}
    assert named & methods.keys() >= {"create_namespaced_pod", *ONLY_WATCHED}
    for name in named & methods.keys():
        kind, method = methods[name]
        beside = {"watch": True} if name in ONLY_WATCHED else {}
        call(inspect.unwrap(method).__get__(kind(api)), **beside)  # without its checks of what it is given
    for kind_of_object in Kind:
        for watch in (False, True):
            call(kind_of_object.lister(api, "x" if kind_of_object is Kind.SERVICES else ""), watch=watch)
    for ask in (cluster.version, lambda: cluster.domain("n"), lambda: cluster.ask_pod("x", "y", 80, "z", {})):
        with pytest.raises(ApiException):
            ask()
    told = of_cluster.needed().needed(*Part)
    assert differences(map(everywhere, used_of_cluster()), map(everywhere, told)) == ([], [])


@pytest.mark.parametrize(
    ("method", "target", "right"),
    [
        ("GET", "/api/v1/nodes", "list nodes"),
        ("GET", "/api/v1/nodes?watch=True", "watch nodes"),
        ("GET", "/api/v1/namespaces/kube-system", "get namespaces"),
        ("GET", "/api/v1/namespaces/x/services", "list services"),
        ("PATCH", "/api/v1/namespaces/x/services/y/status", "patch services/status"),
        ("POST", "/api/v1/namespaces/x/pods/y/eviction", "create pods/eviction"),
        ("GET", "/api/v1/nodes/x/proxy/configz", "get nodes/proxy"),
        ("PATCH", "/apis/apps/v1/namespaces/x/deployments/y/scale", "patch deployments.apps/scale"),
        ("DELETE", "/api/v1/namespaces/x/services", "deletecollection services"),
        (
            "GET",
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n",
            "get leases.coordination.k8s.io in kube-node-lease",
        ),
        ("GET", "/version", None),
        ("GET", "/api/v1", None),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", None),
    ],
)
def test_a_call_is_the_right_it_needs(method: str, target: str, right: str | None) -> None:
    found = right_for(method, target)
    assert (str(found) if found else None) == right
    assert found is None or Right.parse(str(found)) == found


def printed(*words: str) -> str:
    done = CliRunner().invoke(app, ["rights", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_rights_are_printed_as_those_take_them_who_grant_them() -> None:
    kinds = [document["kind"] for document in yaml.safe_load_all(printed("kubernetes"))]
    assert kinds[:4] == ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"]
    (statement,) = json.loads(printed("aws"))["Statement"]
    assert "ec2:DescribeInstances" in statement["Action"]
    assert "compute.instances.list" in yaml.safe_load(printed("gcp"))["includedPermissions"]


@pytest.mark.parametrize(
    ("grantor", "part", "right"),
    [
        ("aws", "disruptive", "ec2:StopInstances"),
        ("aws", "upgrades", "eks:UpdateClusterVersion"),
        ("aws", "check-adapter", "elasticloadbalancing:DeregisterTargets"),
        ("gcp", "disruptive", "compute.instances.stop"),
        ("kubernetes", "disruptive", "kube-node-lease"),
        ("gcp", "check-adapter", "compute.targetPools.removeInstance"),
    ],
)
def test_what_is_seldom_needed_is_printed_where_it_is_asked_for(grantor: str, part: str, right: str) -> None:
    assert right not in printed(grantor)
    assert right in printed(grantor, "--for", part)


def test_a_right_in_one_namespace_is_not_granted_beside_that_in_all() -> None:
    lists, gets = "list pods in kube-system", "get leases.coordination.k8s.io in kube-node-lease"
    documents = list(yaml.safe_load_all(of_cluster.document([lists, "list pods", gets])))
    roles = {document["metadata"].get("namespace", ""): document for document in documents if "rules" in document}
    assert {place: role["kind"] for place, role in roles.items()} == {"": "ClusterRole", "kube-node-lease": "Role"}
    assert roles[""]["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]


def test_an_adapter_that_does_not_tell_is_one_clear_line() -> None:
    done = CliRunner().invoke(app, ["rights", "tests.installed:CHECKOUT"])
    assert isinstance(done.exception, UsageError)
    assert re.search("is no provider", str(done.exception))
    done = CliRunner().invoke(app, ["rights", "tests.test_rights:Silent"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith("the tests.test_rights:Silent adapter does not tell which rights it needs")


class Silent:
    """An adapter that says nothing of rights."""

    name, flavours = "silent", ("plain",)

    def connect(self) -> None:
        """Never called."""
