"""What is tested is found, started and left as promised."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import providers
from ccm_scenarios.contract import (
    Capability,
    CloudError,
    ClusterVersions,
    Endpoint,
    Provider,
    ProviderFactory,
    Timeouts,
)
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.faults import parse
from ccm_scenarios.localcloud import client
from ccm_scenarios.options import Options, Upgrades
from ccm_scenarios.targets import Target, choose, local_cloud_of, offered_by
from ccm_scenarios.targets.local import LocalCloudTarget
from ccm_scenarios.targets.named import NamedCluster

AWS = providers.find("aws")


class Clouds:
    """Local clouds by name, in place of real ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr(client, "find", self.running.get)
        monkeypatch.setattr(client, "up", self.up)

    def up(self, name: str, **asked: Any) -> Any:
        self.asked = asked
        self.faults: list[str] = []
        self.running[name] = SimpleNamespace(
            faults=SimpleNamespace(
                set=lambda fault: self.faults.append(fault.name), clear=lambda: self.faults.append("none")
            ),
            kubeconfig=Path("/of") / name,
            endpoint=Endpoint(url="http://cloud"),
            ccm_version="v1",
            name=name,
            cloud=asked.get("cloud", "aws"),
            realistic=asked.get("realistic", False),
            owned=asked.get("owned", False),
            down=lambda: self.running.pop(name),
        )
        return self.running[name]


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> Clouds:
    return Clouds(monkeypatch)


def local(options: Options) -> Target:
    target = choose(options, AWS)
    assert isinstance(target, LocalCloudTarget)
    return target


def test_a_local_cloud_that_is_missing_is_started_and_ended(clouds: Clouds, tmp_path: Path) -> None:
    target = local(Options(localcloud="own", nodes=2, ccm=tmp_path))
    target.check()
    assert not clouds.running
    lines: list[str] = []
    target.start(lines.append)
    assert {key: clouds.asked[key] for key in ("nodes", "ccm", "owned")} == {"nodes": 2, "ccm": tmp_path, "owned": True}
    assert target.kubeconfig == Path("/of/own")
    assert target.endpoint == Endpoint(url="http://cloud")
    assert target.disruption_allowed
    assert lines == ["starting the local cloud 'own' for this run"]
    target.close()
    target.close()
    assert not clouds.running


def test_a_local_cloud_that_runs_is_used_and_left(clouds: Clouds) -> None:
    clouds.up("default")
    target = local(Options())
    target.check()
    target.start(lambda line: None)
    assert target.ccm_version == "v1"
    target.close()
    assert "default" in clouds.running


def test_a_local_cloud_plays_another_if_the_adapter_says_which() -> None:
    assert local_cloud_of(providers.find("aws")) == "aws"
    factory: Any = SimpleNamespace(name="mycloud", flavours=("plain",), local_cloud="aws")
    assert local_cloud_of(factory) == "aws"


@pytest.mark.parametrize("options", [Options(nodes=4), Options(ccm=Path("/bin/true"))])
def test_a_local_cloud_that_runs_cannot_be_changed(clouds: Clouds, options: Options) -> None:
    clouds.up("default")
    with pytest.raises(UsageError, match="cannot change the local cloud 'default', which runs already"):
        local(options).check()


@pytest.mark.parametrize("realistic", [False, True])
def test_a_local_cloud_with_other_periods_is_refused(clouds: Clouds, realistic: bool) -> None:
    clouds.up("default", realistic=not realistic)
    kinds = ("realistic", "quick") if realistic else ("quick", "realistic")
    message = f"'default' runs already, with {kinds[1]} periods and not with {kinds[0]} ones: choose another name"
    with pytest.raises(UsageError, match=message):
        local(Options(realistic=realistic)).check()


def test_a_local_cloud_that_is_another_cloud_is_refused(clouds: Clouds) -> None:
    clouds.up("default", cloud="gcp")
    with pytest.raises(UsageError, match="'default' runs already and is gcp, not aws: choose another name"):
        local(Options()).check()


def test_a_cloud_that_cannot_be_had_locally_is_refused(clouds: Clouds) -> None:
    with pytest.raises(UsageError, match=r"cannot be 'other', but one of: aws.*-D kubeconfig=FILE"):
        choose(Options(), cast(ProviderFactory, SimpleNamespace(name="other"))).check()


def test_production_s_periods_come_with_production_s_bounds(clouds: Clouds) -> None:
    target = local(Options(realistic=True, timeouts=2))
    target.check()
    lines: list[str] = []
    target.start(lines.append)
    assert clouds.asked["realistic"]
    assert target.timeouts == Timeouts().scaled(2)
    assert lines == ["starting the local cloud 'default' with production's periods"]


FAULT = parse({"title": "x", "rules": [{"boundary": "cloud-api", "effect": "drop"}]}, name="dropped", where="x")


def test_a_fault_is_set_on_a_cloud_that_runs_and_taken_away(clouds: Clouds) -> None:
    clouds.up("default")
    target = local(Options(fault=FAULT))
    target.check()
    lines: list[str] = []
    target.start(lines.append)
    assert clouds.faults == ["dropped"]
    assert lines[-1] == "under the fault dropped: x"
    target.close()
    assert clouds.faults == ["dropped", "none"]


def test_a_fault_since_boot_is_there_from_the_start_and_needs_a_cloud_of_its_own(clouds: Clouds) -> None:
    fault = dataclasses.replace(FAULT, since="boot")
    target = local(Options(fault=fault))
    target.check()
    target.start(lambda _: None)
    assert (clouds.asked["faults"], clouds.faults) == (FAULT.source, [])
    with pytest.raises(UsageError, match="-D fault=dropped has to be there from the start"):
        local(Options(fault=fault)).check()


def test_all_upper_bounds_but_that_of_a_call_follow_the_factor(tmp_path: Path) -> None:
    whole, half = local(Options()).timeouts, local(Options(timeouts=0.5)).timeouts
    assert (half.lb_deleted, half.api_call) == (whole.lb_deleted / 2, whole.api_call)
    assert choose(Options(kubeconfig=tmp_path, timeouts=2), AWS).timeouts == Timeouts().scaled(2)


def test_a_local_cloud_that_was_never_started_is_closed_without_harm(clouds: Clouds) -> None:
    target = local(Options())
    target.check()
    target.close()


def test_the_local_cloud_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EnvironmentProblem, match="the local cloud needs root"):
        local(Options()).check()


class Refusing(BaseHTTPRequestHandler):
    """An API server that lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def refusing() -> Iterator[str]:
    """Its address."""
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def kubeconfig(path: Path, server: str) -> Path:
    """A kubeconfig with the one context `x`."""
    file = path / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "hush-hush-hush"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file.write_text(json.dumps(content))
    return file


def test_a_named_cluster_that_refuses_is_told_from_one_that_is_not_there(tmp_path: Path, refusing: str) -> None:
    with pytest.raises(EnvironmentProblem, match=f"the API server {re.escape(refusing)} refuses: 401"):
        choose(Options(kubeconfig=kubeconfig(tmp_path, refusing)), AWS).check()
    with pytest.raises(EnvironmentProblem, match=r"the API server http://127\.0\.0\.1:9 does not answer") as caught:
        choose(Options(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:9")), AWS).check()
    assert "hush" not in str(caught.value)


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    target = choose(Options(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:9"), context="prod"), AWS)
    with pytest.raises(EnvironmentProblem, match="prod"):
        target.check()


def test_disruption_of_a_named_cluster_needs_to_be_allowed(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "http://127.0.0.1:9")
    assert not choose(Options(kubeconfig=file), AWS).disruption_allowed
    target = choose(Options(kubeconfig=file, disruptive=True, context="x"), AWS)
    assert target.disruption_allowed
    assert isinstance(target, NamedCluster)
    assert (target.controller_manager, target.ccm_version, target.evidence()) == (None, "unknown", {})


def test_a_named_cluster_changes_its_versions_by_the_users_command(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "http://127.0.0.1:9")
    assert choose(Options(kubeconfig=file), AWS).versions is None
    script = f'echo "$0 $1 $KUBECONFIG" >>{tmp_path}/said; [ "$0" != nodes ] || {{ echo no such image; exit 3; }}'
    upgrades = Upgrades(("sh", "-c", script), older="v1.36.3", newer="v1.37.2")
    target = choose(Options(kubeconfig=file, upgrades=upgrades), AWS)
    assert Capability.CLUSTER_VERSIONS in offered_by(target)
    assert target.versions is not None
    target.versions.change_control_plane(target.versions.older)
    assert (tmp_path / "said").read_text() == f"control-plane v1.36.3 {file}\n"
    with pytest.raises(EnvironmentProblem, match=r"nodes v1\.37\.2: exit code 3: no such image"):
        target.versions.change_nodes(target.versions.newer)


class Adapter:
    """Of a cloud that manages one cluster."""

    name = "example"

    def __init__(self, manages: str) -> None:
        self._manages = manages

    def cluster_versions(self, *, server: str, older: str, newer: str) -> ClusterVersions | None:
        if not self._manages:
            raise CloudError("ListClusters: AccessDenied")
        return cast(ClusterVersions, (server, older, newer)) if server == self._manages else None


def test_a_named_cluster_changes_its_versions_by_its_cloud(tmp_path: Path) -> None:
    server = "http://127.0.0.1:9"
    upgrades = Upgrades((), older="v1.36", newer="v1.37")

    def met(adapter: object, upgrades: Upgrades | None = upgrades) -> Target:
        target = choose(Options(kubeconfig=kubeconfig(tmp_path, server), upgrades=upgrades), AWS)
        target.meet(cast(Provider, adapter))
        return target

    assert cast(Any, met(Adapter(server)).versions) == (server, "v1.36", "v1.37")
    assert met(Adapter(server), None).versions is None
    by_command = met(Adapter(server), Upgrades(("true",), "v1.36", "v1.37", in_place=False)).versions
    assert by_command is not None and not by_command.in_place
    with pytest.raises(
        UsageError, match=r"does not manage the cluster at http://127\.0\.0\.1:9; say how with -D upgrade-c"
    ):
        met(Adapter("https://another"))
    with pytest.raises(EnvironmentProblem, match="ListClusters: AccessDenied; say how with -D upgrade-command"):
        met(Adapter(""))
    with pytest.raises(UsageError, match="the example adapter changes no cluster's version"):
        met(SimpleNamespace(name="example"))


def test_how_a_named_clusters_instances_are_launched_is_said_in_the_adapters_words(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "http://127.0.0.1:9")
    template = {"launch_template": "nodes"}
    target = choose(Options(kubeconfig=file, cluster="production", node_template=template), AWS)
    assert target.endpoint == Endpoint(cluster="production", node_template=template)
    wrong = Options(kubeconfig=file, node_template={"launch-template": "nodes"})
    with pytest.raises(UsageError, match="the aws adapter has no key 'launch-template'; it has: launch_template, node"):
        choose(wrong, AWS)
    with pytest.raises(UsageError, match="the mine adapter has no key 'launch-template'; it has none"):
        choose(wrong, cast(ProviderFactory, SimpleNamespace(name="mine")))
