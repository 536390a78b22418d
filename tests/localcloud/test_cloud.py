"""The local cloud as a whole: real boots, real crashes, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud import client, node
from ccm_scenarios.localcloud.hypervisor import SPARES
from ccm_scenarios.localcloud.state import State
from tests.localcloud.host import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

_OWNER = """
import sys
from ccm_scenarios.localcloud import client, node
from ccm_scenarios.localcloud.hypervisor import SPARES
client.up(sys.argv[1], nodes=1, owned=sys.argv[2] == "owned", progress=lambda text: print(text, flush=True))
print("ready", flush=True)
sys.stdin.read()
"""

_REPLACE_DNS = """
import sys, time
from kubernetes import client, config
config.load_kube_config()
api = client.CoreV1Api()
dns = {"namespace": "kube-system", "label_selector": "k8s-app=kube-dns"}
deadline = time.monotonic() + 60

def scheduled(other_than=()):
    while True:
        pods = [pod for pod in api.list_namespaced_pod(**dns).items if pod.metadata.uid not in other_than]
        if len(pods) == 2 and all(pod.spec.node_name for pod in pods):
            return pods
        assert time.monotonic() < deadline, "cluster DNS was not scheduled"
        time.sleep(0.1)

old = {pod.metadata.uid for pod in scheduled()}
api.delete_collection_namespaced_pod(**dns, grace_period_seconds=0)
places = {pod.spec.node_name for pod in scheduled(other_than=old)}
assert places == {sys.argv[1]}, places
"""


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _owner(name: str, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _OWNER, name, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"the local cloud never said {words!r}")


def _instances(cloud: client.LocalCloud) -> list[dict[str, Any]]:
    """What the cloud says of its instances, without what their Nodes wait for at the moment."""
    return [{key: what for key, what in one.items() if key != "node_lacks"} for one in cloud.status()["instances"]]


def _ready_nodes(cloud: client.LocalCloud) -> list[str]:
    return [one["name"] for one in _instances(cloud) if one["node"] == "Ready"]


class TestSideBySide:
    def test_two_clouds_do_not_disturb_each_other_and_leave_nothing(self) -> None:
        before = traces("test-first", "test-second")
        try:
            first = client.up("test-first", nodes=1, owned=False, progress=print)
            second = client.up("test-second", nodes=2, owned=False, progress=print)
            again = client.up("test-first", owned=False, progress=print)
            assert again.endpoint == first.endpoint, "a cloud that runs is used as it is"
            assert len(_ready_nodes(first)) == 1
            assert len(_ready_nodes(second)) == 2
            assert first.endpoint.access_key_id != second.endpoint.access_key_id
            assert client.down("test-first")
            assert client.find("test-first") is None
            assert len(_ready_nodes(second)) == 2
            with pytest.raises(UsageError, match="runs already"):
                client.up("test-second", ccm=Path("/bin/true"), owned=False, progress=print)
            with pytest.raises(UsageError, match="'test-second' runs already, with quick periods"):
                client.up("test-second", realistic=True, owned=False, progress=print)
        finally:
            client.down("test-first")
            client.down("test-second")
        assert traces("test-first", "test-second") == before
        assert not client.down("test-first"), "ending what does not exist is no error, and says so"


class TestCrashes:
    @pytest.mark.parametrize(
        "moment", ["starting the control plane", "launching", "waiting for 1 nodes to be Ready", "ready"]
    )
    @pytest.mark.parametrize("how", ["owned", "kept"])
    def test_a_killed_starter_leaves_what_the_next_down_removes(self, moment: str, how: str) -> None:
        before = traces("test-crash")
        starter = _owner("test-crash", how)
        _read_until(starter, moment)
        starter.kill()
        starter.wait()
        state = State("test-crash")
        if how == "kept" and moment == "ready":
            assert client.find("test-crash") is not None, (
                "a cloud that was to stay outlives the command that started it"
            )
        else:
            assert _within(20, lambda: not state.is_alive()), "an owned cloud, or one half started, ends with its owner"
        client.down("test-crash")
        assert traces("test-crash") == before

    @pytest.mark.parametrize("seconds", [0.0, 3.0])
    def test_a_killed_supervisor_takes_everything_along_and_the_next_up_starts_anew(self, seconds: float) -> None:
        before = traces("test-crash")
        try:
            first = client.up("test-crash", nodes=1, owned=False, progress=print)
            pid = State("test-crash").first_process()
            assert pid is not None
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
            assert _within(20, lambda: not State("test-crash").is_alive())
            assert client.find("test-crash") is None
            second = client.up("test-crash", nodes=1, owned=False, progress=print)
            assert second.endpoint.access_key_id != first.endpoint.access_key_id
            assert len(_ready_nodes(second)) == 1
        finally:
            client.down("test-crash")
        assert traces("test-crash") == before


@pytest.fixture(scope="module")
def cloud() -> Iterator[client.LocalCloud]:
    yield client.up("test-life", nodes=1, owned=True, progress=print)
    client.down("test-life")


def _ec2(cloud: client.LocalCloud, script: str) -> None:
    """Run Python with a boto3 client called `ec2`, from the outside client: this process stays in its own network."""
    assert cloud.run([sys.executable, "-c", f"import boto3\nec2 = boto3.client('ec2')\n{script}"]) == 0


class TestInstances:
    def test_in_the_end_a_node_lacks_nothing(self, cloud: client.LocalCloud) -> None:
        assert _within(60, lambda: [one["node_lacks"] for one in cloud.status()["instances"]] == [[]])

    def test_an_instance_keeps_its_identity_and_address_over_stop_and_start(self, cloud: client.LocalCloud) -> None:
        (before,) = _instances(cloud)
        _ec2(cloud, f"ec2.stop_instances(InstanceIds=['{before['id']}'])")
        assert _within(60, lambda: _instances(cloud)[0]["node"] != "Ready")
        assert _instances(cloud)[0] == {**before, "power": "stopped", "node": "NotReady"}
        _ec2(cloud, f"ec2.start_instances(InstanceIds=['{before['id']}'])")
        assert _within(60, lambda: _instances(cloud) == [before])

    def test_an_instance_launched_later_joins_and_one_terminated_leaves(self, cloud: client.LocalCloud) -> None:
        before = _instances(cloud)
        _ec2(cloud, "ec2.run_instances(LaunchTemplate={'LaunchTemplateName': 'nodes'}, MinCount=1, MaxCount=1)")
        assert _within(60, lambda: len(_ready_nodes(cloud)) == 2)
        (new,) = [one for one in _instances(cloud) if one not in before]
        _ec2(cloud, f"ec2.terminate_instances(InstanceIds=['{new['id']}'])")
        assert _within(60, lambda: _instances(cloud) == before)

    def test_cluster_dns_stays_off_instances_that_leave_again(self, cloud: client.LocalCloud) -> None:
        before = _instances(cloud)
        _ec2(cloud, "ec2.run_instances(LaunchTemplate={'LaunchTemplateName': 'nodes'}, MinCount=1, MaxCount=1)")
        assert _within(60, lambda: len(_ready_nodes(cloud)) == 2)
        assert cloud.run([sys.executable, "-c", _REPLACE_DNS, before[0]["name"]]) == 0
        (new,) = [one for one in _instances(cloud) if one not in before]
        _ec2(cloud, f"ec2.terminate_instances(InstanceIds=['{new['id']}'])")
        assert _within(60, lambda: _instances(cloud) == before)

    def test_an_instance_is_launched_from_a_spare_computer_that_nobody_sees(self, cloud: client.LocalCloud) -> None:
        directory = State("test-life").directory

        def spares() -> set[int]:
            """Disks by what a new name does not change."""
            return {disk.stat().st_ino for disk in (directory / "spares").glob("*") if node.prepared(disk)}

        assert _within(60, lambda: len(spares()) == SPARES)
        before, prepared_before = _instances(cloud), spares()
        assert len(before) == 1
        _ec2(cloud, "ec2.run_instances(LaunchTemplate={'LaunchTemplateName': 'nodes'}, MinCount=1, MaxCount=1)")
        assert _within(60, lambda: len(_ready_nodes(cloud)) == 2)
        (new,) = [one for one in _instances(cloud) if one not in before]
        assert (directory / "instances" / new["id"]).stat().st_ino in prepared_before
        assert _within(60, lambda: len(spares()) == SPARES), "the pool fills itself again"
        _ec2(cloud, f"ec2.terminate_instances(InstanceIds=['{new['id']}'])")
        assert _within(60, lambda: _instances(cloud) == before)

    def test_a_cloud_has_no_way_out_of_the_machine(self, cloud: client.LocalCloud) -> None:
        script = (
            "import socket, sys\n"
            "for address in ('192.0.2.1',):\n"
            "    try: socket.create_connection((address, 53), 2)\n"
            "    except OSError as error: print(address, error)\n"
            "    else: sys.exit('reached ' + address)\n"
        )
        assert cloud.run([sys.executable, "-c", script]) == 0
