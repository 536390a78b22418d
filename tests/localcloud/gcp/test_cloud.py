"""The local Google Cloud as a whole: real Nodes, the real controller manager, and packets through its load balancers.

The controller manager is built only on request, so these tests are, too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud import client, clouds
from ccm_scenarios.localcloud.images import AGNHOST_IMAGE
from tests.localcloud.host import require_built

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

_SERVE = """
import json, sys, time, urllib.request
from kubernetes import client, config
config.load_kube_config()
core, image, internal = client.CoreV1Api(), sys.argv[1], sys.argv[2] == "internal"
deadline = time.monotonic() + 240
name, namespace = "served-" + sys.argv[2], "default"

def eventually(what, look):
    while not (found := look()):
        assert time.monotonic() < deadline, "not " + what
        time.sleep(0.2)
    return found

def fetch():
    try:
        with urllib.request.urlopen(f"http://{address}/clientip", timeout=1) as answer:
            return answer.read().decode()
    except OSError:
        return ""

# Without it no Pod may be made.
eventually("a service account", lambda: core.list_namespaced_service_account(namespace).items)
core.create_namespaced_pod(namespace, {
    "metadata": {"name": name, "labels": {"app": name}},
    "spec": {"containers": [{"name": "web", "image": image, "args": ["netexec", "--http-port=8080"]}]},
})
core.create_namespaced_service(namespace, {
    "metadata": {
        "name": name,
        "annotations": {"networking.gke.io/load-balancer-type": "Internal"} if internal else {},
    },
    "spec": {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "selector": {"app": name},
        "ports": [{"port": 80, "targetPort": 8080}],
    },
})

def ingress():
    return core.read_namespaced_service(name, namespace).status.load_balancer.ingress

(entry,) = eventually("an address", ingress)
address = entry.ip
assert entry.ip_mode == "VIP", entry
if internal:
    eventually("ready", lambda: core.read_namespaced_pod(name, namespace).status.container_statuses[0].ready)
    time.sleep(3)
    assert fetch() == "", "an internal load balancer is reached from the internet"
else:
    seen = eventually("an answer from " + address, fetch)
    assert seen.startswith("198.51.100.10:"), seen
core.delete_namespaced_service(name, namespace)
core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)

def gone():
    return name not in [one.metadata.name for one in core.list_namespaced_service(namespace).items]

eventually("gone", gone)
assert not fetch()
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[client.LocalCloud]:
    require_built(clouds.find("gcp").component)
    yield client.up("test-gcp", cloud="gcp", nodes=2, owned=True, progress=print)
    client.down("test-gcp")


def test_nodes_are_ready_and_initialised(cloud: client.LocalCloud) -> None:
    status = cloud.status()
    assert status["cloud"] == "gcp"
    assert {one["name"]: one["node"] for one in status["instances"]} == {"node-1": "Ready", "node-2": "Ready"}


def test_it_is_not_taken_for_another_cloud(cloud: client.LocalCloud) -> None:
    with pytest.raises(UsageError, match="'test-gcp' runs already and is gcp, not aws"):
        client.up("test-gcp", cloud="aws", owned=False, progress=print)


@pytest.mark.parametrize("kind", ["external", "internal"])
def test_packets_reach_a_backend_through_a_load_balancer(cloud: client.LocalCloud, kind: str) -> None:
    assert cloud.run([sys.executable, "-c", _SERVE, AGNHOST_IMAGE, kind]) == 0
    assert cloud.status()["load_balancers"] == []
