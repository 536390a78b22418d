"""What docs/ci-guide.md offers to run in Pods is accepted by an API server, every field of it known."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from kubernetes.client import BatchV1Api
from kubernetes.utils import create_from_dict

from ccm_scenarios.kube import Cluster
from tests.installed import CHECKOUT
from tests.kube.control_plane import ControlPlane

STRICT = {"dry_run": "All", "field_validation": "Strict"}


def load(name: str) -> list[Any]:
    return list(yaml.safe_load_all((CHECKOUT / "ci" / name).read_text()))


@pytest.mark.parametrize("name", ["job", "in-cluster", "report"])
def test_all_for_kubernetes_is_accepted(cluster: Cluster, control_plane: ControlPlane, name: str) -> None:
    for each in load(f"kubernetes/{name}.yaml"):
        each["metadata"].pop("namespace", None)  # a dry run does not make it
        create_from_dict(cluster.core.api_client, each, **STRICT)


def test_the_pods_of_prow_and_sonobuoy_are_accepted(cluster: Cluster, control_plane: ControlPlane) -> None:
    (prow,), (sonobuoy,) = load("prow/ccm-scenarios.yaml"), load("sonobuoy/ccm-scenarios.yaml")
    volume = {"name": "results", "emptyDir": {}}  # Sonobuoy's own
    for spec in (
        prow["periodics"][0]["spec"],
        {"containers": [sonobuoy["spec"]], "volumes": [volume], "restartPolicy": "Never"},
    ):
        pod = {"metadata": {"generateName": "ci-"}, "spec": {"automountServiceAccountToken": False, **spec}}
        namespace = cluster.make_namespace({})  # its service account is there at once
        pod["spec"]["serviceAccountName"] = "scenario"
        cluster.core.create_namespaced_pod(namespace, pod, **STRICT)
        cluster.end_namespace(namespace)


def test_a_field_that_nobody_knows_is_refused(cluster: Cluster, control_plane: ControlPlane) -> None:
    (job,) = load("kubernetes/job.yaml")
    job["spec"]["completionsMode"] = "Indexed"
    with pytest.raises(Exception, match="completionsMode"):
        BatchV1Api(cluster.core.api_client).create_namespaced_job("default", job, **STRICT)
