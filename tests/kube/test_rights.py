"""The rights that are told to be needed, as a real API server grants and refuses them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import providers
from ccm_scenarios.contract.rights import Part
from ccm_scenarios.errors import EnvironmentProblem, MissingRight
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube import rights as of_cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.rights import Right
from ccm_scenarios.options import Options
from ccm_scenarios.targets import choose
from tests.kube.control_plane import TIMEOUTS, ControlPlane
from tests.kube.granting import grant, kubeconfig

AWS = providers.find("aws")
ALL = of_cluster.needed().needed(*Part)
OF_WHOLE_CLUSTER = {"nodes", "namespaces", "validatingadmissionpolicies", "validatingadmissionpolicybindings"}
METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
HEED_SECONDS = 20.0
"""Until the API server heeds a role that changed."""


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane) -> Iterator[Cluster]:
    connection = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def minimal(control_plane: ControlPlane, admin: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of a user with the rights that are printed, and no others."""
    grant(admin, ALL)
    return kubeconfig(admin, control_plane.kubeconfig, tmp_path_factory.mktemp("minimal") / "kubeconfig")


@pytest.fixture
def nobody(control_plane: ControlPlane) -> Iterator[Cluster]:
    connection = Cluster.connect(control_plane.kubeconfig_for("nobody"), None, TIMEOUTS)
    yield connection
    connection.close()


def check(kubeconfig: Path, *, disruptive: bool = True, sooner_or_later: str = "") -> str:
    """What a run on the cluster is refused with before it begins; as soon as it is what is given, or not any more."""
    deadline = time.monotonic() + HEED_SECONDS
    while True:
        try:
            choose(Options(kubeconfig=kubeconfig, context="minimal", disruptive=disruptive), AWS).check()
            told = ""
        except EnvironmentProblem as problem:
            told = str(problem)
        if told == sooner_or_later or time.monotonic() > deadline:
            return told
        time.sleep(0.05)


def test_the_rights_that_are_printed_are_enough(minimal: Path) -> None:
    assert check(minimal) == ""


@pytest.mark.parametrize("right", ALL)
def test_a_run_without_one_of_them_is_refused_and_told_which(right: str, admin: Cluster, minimal: Path) -> None:
    grant(admin, [each for each in ALL if each != right])
    expected = (
        f"the cluster of {minimal} (context minimal) does not let its user {right}; all rights that are needed: "
        "ccm-scenarios rights kubernetes --for disruptive"
    )
    assert check(minimal, sooner_or_later=expected) == expected
    grant(admin, ALL)
    assert check(minimal) == ""


def test_all_that_is_missing_is_told_at_once(control_plane: ControlPlane) -> None:
    few = of_cluster.needed().needed()
    with pytest.raises(EnvironmentProblem, match=re.escape(f"does not let its user {', '.join(few)}; all rights")):
        choose(Options(kubeconfig=control_plane.kubeconfig_for("nobody")), AWS).check()


@pytest.mark.parametrize("right", ALL)
def test_a_call_that_is_refused_names_its_right_as_the_api_server_does(right: str, nobody: Cluster) -> None:
    wanted = Right.parse(right)
    resource, _, subresource = wanted.resource.partition("/")
    path = "/api/v1" if not wanted.group else f"/apis/{wanted.group}/v1"
    path += "" if resource in OF_WHOLE_CLUSTER else f"/namespaces/{wanted.namespace or 'somewhere'}"
    of_all = wanted.verb in ("list", "watch", "deletecollection") or (wanted.verb == "create" and not subresource)
    path += f"/{resource}{'' if of_all else '/x'}{subresource and '/' + subresource}"
    path += "?watch=true" if wanted.verb == "watch" else ""
    with pytest.raises(MissingRight) as refused:
        nobody.core.api_client.rest_client.request(METHODS.get(wanted.verb, "GET"), nobody.server + path, headers={})
    assert refused.value.right == right
    said = rf'User "nobody" cannot {wanted.verb} resource "{wanted.resource}" in API group "{wanted.group}"'
    assert re.search(said, str(refused.value))
    assert str(refused.value).endswith("all that are needed: ccm-scenarios rights kubernetes")


def test_a_wait_that_may_not_look_ends_at_once(nobody: Cluster) -> None:
    with pytest.raises(EnvironmentProblem, match="the right to 'list pods in default' is missing"):
        nobody.caches.list(Kind.PODS, "default")
    with pytest.raises(MissingRight, match="the right to 'list nodes' is missing"):
        nobody.shared_nodes()


def test_what_no_right_allows_is_no_missing_right() -> None:
    assert of_cluster.refusal(b'{"message": "pods \\"x\\" is forbidden: exceeded quota"}') == ""
    assert of_cluster.refusal(b"Forbidden") == ""
