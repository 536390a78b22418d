"""The region as a whole: snapshots, notices, the metadata server, what it does not have."""

from __future__ import annotations

import json
import urllib.request
from urllib.error import HTTPError

import pytest
from google.cloud import compute_v1

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud.desired import DesiredMachine, EmulatedCloud
from ccm_scenarios.localcloud.gcp.account import Account, seed
from ccm_scenarios.localcloud.gcp.ccm import cloud_config
from ccm_scenarios.localcloud.gcp.desired import DesiredState
from tests.localcloud.gcp.emulated import PROJECT, REGION, ZONE, Cloud, refused


def test_a_seeded_project_can_carry_a_cluster(cloud: Cloud, account: Account) -> None:
    assert account.node_names == ("node-1", "node-2")
    instances = list(cloud.desired.instances.values())
    assert [(one.name, one.zone, one.private_ip) for one in instances] == [
        ("node-1", ZONE, "10.77.0.10"),
        ("node-2", f"{REGION}-b", "10.77.0.11"),
    ]
    assert all(one.can_ip_forward and one.tags == (account.node_tag,) for one in instances)
    (firewall,) = cloud.desired.firewalls.values()
    assert firewall.allows
    assert firewall.source_ranges == ("10.244.0.0/16", "10.77.0.0/16")
    assert cloud.projects.get(project=PROJECT).name == PROJECT


def test_the_controller_is_told_links_as_the_api_gives_them(cloud: Cloud, account: Account) -> None:
    config = dict(line.split(" = ", 1) for line in cloud_config(account, cloud.url).splitlines() if " = " in line)
    assert config["network-name"] == cloud.networks.get(project=PROJECT, network="default").self_link
    subnetwork = cloud.subnetworks.get(project=PROJECT, region=REGION, subnetwork="default")
    assert config["subnetwork-name"] == subnetwork.self_link
    assert config["api-endpoint"] == f"{cloud.url}/compute/v1/"


def test_changes_are_announced_and_nothing_else(cloud: Cloud, account: Account) -> None:
    before, snapshot = cloud.changes, cloud.desired
    list(cloud.instances.list(project=PROJECT, zone=ZONE))
    cloud.do("addresses", region=REGION, address_resource=compute_v1.Address(name="one"))
    assert cloud.changes == before
    assert cloud.desired is snapshot
    cloud.do("firewalls", "delete", firewall="internal")
    assert cloud.changes == before + 1
    assert snapshot.firewalls, "a snapshot does not change"


def test_seeding_nothing_that_listens_is_one_clear_error() -> None:
    with pytest.raises(EnvironmentProblem, match=r"^no answer from the emulated Compute API at http://127\.0\.0\.1:9"):
        seed("http://127.0.0.1:9", project=PROJECT, region=REGION, nodes=1)


def test_what_is_not_emulated_says_so(cloud: Cloud, account: Account) -> None:
    with refused(501, "notImplemented"):
        cloud.instances.suspend(project=PROJECT, zone=ZONE, instance="node-1")
    with refused(501, "notImplemented"):
        cloud.networks.insert(
            project=PROJECT, network_resource=compute_v1.Network(name="auto", auto_create_subnetworks=True)
        )
    with refused(404, "notFound", "projects/other"):
        cloud.networks.get(project="other", network="default")
    assert cloud.raw("GET", "/global/urlMaps")[0] == 501


def test_all_versions_of_the_api_are_the_same(cloud: Cloud, account: Account) -> None:
    for version in ("v1", "beta", "alpha"):
        path = f"{cloud.url}/compute/{version}/projects/{PROJECT}/zones/{ZONE}/instances/node-1"
        with urllib.request.urlopen(path) as answer:
            assert json.loads(answer.read())["name"] == "node-1"


def test_the_metadata_server_gives_tokens_to_those_who_ask_properly(cloud: Cloud) -> None:
    def ask(path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"{cloud.url}/computeMetadata/v1/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                assert answer.headers["Metadata-Flavor"] == "Google"
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, ""

    flavor = {"Metadata-Flavor": "Google"}
    status, token = ask("instance/service-accounts/default/token", **flavor)
    assert status == 200
    assert json.loads(token)["token_type"] == "Bearer"
    assert ask("project/project-id", **flavor) == (200, PROJECT)
    assert ask("instance/zone", **flavor) == (200, f"projects/1/zones/{ZONE}")
    assert ask("instance/nothing", **flavor)[0] == 404
    assert ask("project/project-id")[0] == 403


def test_clouds_are_alike_to_whoever_makes_them_real(cloud: Cloud, account: Account) -> None:
    emulated: EmulatedCloud[DesiredState] = cloud.region
    for instance_id, instance in emulated.desired().instances.items():
        machine: DesiredMachine = instance
        assert instance_id == machine.id
        emulated.report_instance(machine.id, machine.power)
    assert len({instance_id[-12:] for instance_id in emulated.desired().instances}) == 2


def test_whatever_there_is_and_however_it_changes_is_told(cloud: Cloud, account: Account) -> None:
    before = cloud.region.holdings()
    assert cloud.region.holdings() == before
    cloud.do("addresses", region=REGION, address_resource=compute_v1.Address(name="one"))
    (key,) = cloud.region.holdings().keys() - before.keys()
    assert key.endswith("/addresses/one")
    cloud.do("firewalls", "delete", firewall="internal")
    (gone,) = before.keys() - cloud.region.holdings().keys()
    assert gone.endswith("/firewalls/internal")
