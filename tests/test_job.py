"""The Indexed Job of ci/kubernetes/ in a real cluster: from the suite's own image, on the cluster that it judges."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from kubernetes.client import ApiClient, BatchV1Api, CoreV1Api
from kubernetes.config import new_client_from_config
from kubernetes.utils import create_from_dict
from kubernetes.watch import Watch

from ccm_scenarios.localcloud import client
from tests.installed import CHECKOUT, IMAGE, Installed
from tests.localcloud.host import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

CLOUD = "test-job"
NAMESPACE = "ccm-scenarios"
SECONDS = 300
"""For a Job."""
FEW = (
    "node-addresses-set",
    "node-group-grow",  # disruptive: skipped, for nobody allows it here
    "node-instance-type-labels",
    "node-object-without-instance-deleted",
    "node-provider-id-set",
    "node-uninitialized-taint-removed",
    "node-zone-region-labels",
    "svc-delete-collection",
    "svc-external-ip-not-on-node",
)
"""What is run of the behaviours: each shard changes Nodes that all share."""
SELECTED = f"--tags='{' or '.join(f'@{behaviour}' for behaviour in FEW)}'"


@pytest.fixture(scope="module")
def cloud(suite_image: Path, installed: Installed) -> Iterator[client.LocalCloud]:
    """A local cloud with the suite's image on its Nodes."""
    before = traces(CLOUD)
    try:
        started = client.up(CLOUD, nodes=2, owned=True, progress=print)
        words = ("localcloud", "load", str(suite_image), "--name", CLOUD)
        loaded = installed.run("ccm-scenarios", *words, cwd=suite_image.parent)
        assert (loaded.returncode, len(loaded.stdout.split())) == (0, 2), loaded.stderr
        yield started
    finally:
        client.down(CLOUD)
    assert traces(CLOUD) == before


class User:
    """Somebody with a kubeconfig, outside the cluster."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self.core = CoreV1Api(api)
        self.batch = BatchV1Api(api)

    def apply(self, *documents: Any) -> None:
        """Create objects; those that say no namespace in the Job's."""
        for document in documents:
            create_from_dict(self._api, document, namespace=NAMESPACE)

    def outcome(self, name: str) -> Any:
        """A Job's status as soon as it has one of its last conditions."""
        selector = f"metadata.name={name}"
        for event in Watch().stream(
            self.batch.list_namespaced_job, NAMESPACE, field_selector=selector, timeout_seconds=SECONDS
        ):
            status = event["object"].status
            if any(one.type in ("Complete", "Failed") and one.status == "True" for one in status.conditions or ()):
                return status
        raise AssertionError(f"Job {name} did not end:\n{self.told_by(name)}")

    def told_by(self, name: str) -> str:
        """What a Job's Pods said."""
        pods = self.core.list_namespaced_pod(NAMESPACE, label_selector=f"batch.kubernetes.io/job-name={name}").items
        logs = (self.core.read_namespaced_pod_log(one.metadata.name, NAMESPACE, tail_lines=60) for one in pods)
        return "\n".join(logs)


Act = Callable[[Callable[[User], Any]], Any]


@pytest.fixture(scope="module")
def act(cloud: client.LocalCloud) -> Iterator[Act]:
    """Does something as a user of the cluster, where its users are."""

    def do(what: Callable[[User], Any]) -> Any:
        with new_client_from_config(str(cloud.kubeconfig)) as api:
            return what(User(api))

    with ThreadPoolExecutor(1, initializer=cloud.enter) as outside:
        yield lambda what: outside.submit(do, what).result()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is behind the claim: a directory that all Nodes of a local cloud have."""
    directory = tmp_path_factory.mktemp("reports")
    directory.chmod(0o777)  # a hostPath takes no fsGroup
    return directory


@pytest.fixture(scope="module")
def job(cloud: client.LocalCloud, act: Act, reports: Path) -> Any:
    """The Job, with all that it needs in the cluster; of the behaviours it runs a few."""
    text = (
        (CHECKOUT / "ci/kubernetes/in-cluster.yaml").read_text().replace("--tags=@mycloud", f"--tags=@aws {SELECTED}")
    )
    *others, job = yaml.safe_load_all(text)
    assert job["kind"] == "Job"
    variables = {key: value for key, value in cloud.environment().items() if key != "KUBECONFIG"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "stringData": variables,
        "metadata": {"name": "ccm-scenarios-cloud"},
    }
    size = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "reports"},
        "spec": {**common, "capacity": size, "hostPath": {"path": str(reports)}},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "ccm-scenarios-reports"},
        "spec": {**common, "resources": {"requests": size}, "volumeName": "reports"},
    }
    act(lambda user: user.apply(*others, secret, volume, claim))
    return job


def judged(directory: Path) -> list[tuple[str, str, list[str]]]:
    """Of each scenario of a report its file, its name, and how its steps and hooks ended."""
    features = json.loads((directory / "cucumber/ccm-scenarios.json").read_text())
    return [
        (feature["uri"], element["name"], [part["result"]["status"] for part in element["steps"]])
        for feature in features
        for element in feature["elements"]
    ]


def cases(directory: Path) -> list[tuple[str | None, str | None, list[str]]]:
    """Of each JUnit case where it belongs, its name, and what is said of it."""
    root = ET.fromstring((directory / "junit_ccm.xml").read_bytes())
    return [
        (case.get("classname"), case.get("name"), [child.tag for child in case if child.tag != "system-out"])
        for case in root.iter("testcase")
    ]


def test_three_shards_say_together_what_one_run_says(
    cloud: client.LocalCloud, act: Act, job: Any, reports: Path, installed: Installed, tmp_path: Path
) -> None:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert (container["image"], job["spec"]["completions"], job["spec"]["parallelism"]) == (IMAGE, 3, 3)
    (report,) = yaml.safe_load_all((CHECKOUT / "ci/kubernetes/report.yaml").read_text())

    def run(user: User) -> None:
        for each in (job, report):
            user.apply(each)
            name = each["metadata"]["name"]
            status = user.outcome(name)
            assert (status.succeeded, status.failed) == (each["spec"].get("completions", 1), None), user.told_by(name)

    act(run)
    assert [len(judged(reports / f"shard-{index}")) for index in range(3)] == [3, 3, 3]

    script = container["args"][0].partition(" exec ")[2].replace("/etc/under-test/kubeconfig", str(cloud.kubeconfig))
    single = script.partition(" -D shard=")[0]
    done = installed.run(
        *("ccm-scenarios", "localcloud", "shell", "--name", CLOUD, "--", "sh", "-c", single),
        cwd=tmp_path,
        ARTIFACTS=str(tmp_path / "single"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert judged(reports / "joint") == judged(tmp_path / "single")
    assert cases(reports / "joint") == cases(tmp_path / "single")
    assert len(judged(reports / "joint")) == len(FEW)
    assert json.loads((reports / "joint/finished.json").read_text())["passed"]


def test_a_shard_that_fails_ends_no_other(act: Act, job: Any) -> None:
    failing = copy.deepcopy(job)
    failing["metadata"]["name"] = "failing"
    (container,) = failing["spec"]["template"]["spec"]["containers"]
    # The others take longer than it takes to see that one failed.
    container["args"] = ["[ $JOB_COMPLETION_INDEX != 1 ] && exec python -c 'import time; time.sleep(4)'"]

    def run(user: User) -> Any:
        user.apply(failing)
        return user.outcome("failing")

    status = act(run)
    assert (status.failed_indexes, status.completed_indexes) == ("1", "0,2")
