"""The fault gate and the data plane's faults: what passes, what is struck, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.faults import FaultOwner, parse_rules
from ccm_scenarios.localcloud.aws.alterations import altered
from ccm_scenarios.localcloud.aws.desired import (
    DesiredHealthCheck,
    DesiredInstance,
    DesiredListener,
    DesiredLoadBalancer,
    DesiredState,
    DesiredTarget,
)
from ccm_scenarios.localcloud.faults.data_plane import DataPlane
from ccm_scenarios.localcloud.faults.injector import Injector
from ccm_scenarios.localcloud.faults.ways import Credentials, Way
from ccm_scenarios.localcloud.pki import Authority

SECONDS = 5.0


@dataclass
class Server:
    """What stands behind the gate: answers with what it was asked, and remembers it."""

    port: int
    seen: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def await_seen(self, what: str) -> bool:
        deadline = time.monotonic() + SECONDS
        while not any(what in one for one in self.seen):
            if time.monotonic() > deadline:
                return False
            self.arrived.wait(0.05)
        return True


def _serve(tls: ssl.SSLContext | None = None) -> Server:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if tls else "HTTP/1.0"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            server.seen.append(f"{self.command} {self.path} {body}")
            server.arrived.set()
            if "watch=1" in self.path:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in ('{"object":{"a":"one"}}\n', '{"object":{"a":"two"}}\n'):
                    self.wfile.write(f"{len(event):x}\r\n{event}\r\n".encode())
                    self.wfile.flush()
                    with contextlib.suppress(TimeoutError, OSError):
                        time.sleep(0.3)
                self.wfile.write(b"0\r\n\r\n")
                return
            peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            user = dict(pair[0] for pair in peer["subject"])["commonName"] if peer else ""  # type: ignore[misc]
            answer = json.dumps({"method": self.command, "path": self.path, "body": body, "user": user}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    server = Server(listening.server_address[1])
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Bench:
    """A gate with a cloud and an API server behind it, and a client in front."""

    def __init__(self, directory: Path) -> None:
        authority = Authority(directory / "pki")
        pair = authority.issue("server", "server", addresses=["127.0.0.1"])
        serving = authority.issue("gate", "gate", addresses=["127.0.0.1"])
        client = authority.issue("ccm", "the-ccm")
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_cert_chain(pair.certificate, pair.key)
        self.cloud = _serve()
        self.api_server = _serve(tls)
        self.signals: list[tuple[int, int]] = []
        """Each with the number of the replica it is for."""
        self._trust = ssl.create_default_context(cafile=str(authority.certificate))
        self._ports = {"cloud-api": _free_port(), "kubernetes-api": _free_port()}
        credentials = Credentials(
            str(authority.certificate),
            str(serving.certificate),
            str(serving.key),
            str(client.certificate),
            str(client.key),
        )
        self.log = directory / "faults.log"
        self.watched: list[Callable[[], None]] = []
        self.injector = Injector(
            [
                Way("cloud-api", "127.0.0.1", self._ports["cloud-api"], "127.0.0.1", self.cloud.port),
                Way(
                    "kubernetes-api",
                    "127.0.0.1",
                    self._ports["kubernetes-api"],
                    "127.0.0.1",
                    self.api_server.port,
                    credentials,
                    replica=1,
                ),
            ],
            self.log,
            signal_ccm=lambda replica, number: self.signals.append((replica, number)),
            changed=lambda: None,
            watch_backends=self.watched.append,
        )

    def connect(self, boundary: str) -> http.client.HTTPConnection:
        port = self._ports[boundary]
        if boundary == "cloud-api":
            return http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=self._trust)

    def aws(self, action: str, **parameters: str) -> tuple[int, str]:
        """Status and body of the answer to an AWS request."""
        connection = self.connect("cloud-api")
        body = urlencode({"Action": action, "Version": "2016-11-15", **parameters})
        connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def kubernetes(self, method: str, path: str, body: str = "") -> tuple[int, Any]:
        """Status and JSON of the answer to a Kubernetes request."""
        return self._json("kubernetes-api", method, path, body)

    def google(self, method: str, path: str, body: str = "") -> tuple[int, Any]:
        """Status and JSON of the answer to a request to Google's API."""
        return self._json("cloud-api", method, path, body)

    def _json(self, boundary: str, method: str, path: str, body: str) -> tuple[int, Any]:
        connection = self.connect(boundary)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def strike(self, **rule: Any) -> None:
        self.injector.set([{"boundary": "cloud-api", **rule}])

    def await_strikes(self, *wanted: int, of: FaultOwner = "run") -> bool:
        deadline = time.monotonic() + SECONDS
        while tuple(self.injector.strikes(of=of)) != wanted:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    @property
    def gate(self) -> int:
        """Its process."""
        return self.injector.gate_pid

    def listens(self) -> bool:
        """Whether it takes connections on both ways."""
        for port in self._ports.values():
            try:
                socket.create_connection(("127.0.0.1", port), SECONDS).close()
            except ConnectionRefusedError:
                return False
        return True

    def close(self) -> None:
        self.injector.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "bench" in request.fixturenames:
        used: Bench = request.getfixturevalue("bench")
        used.injector.set([])
        used.signals.clear()


class TestTransparent:
    """Without a rule everything passes as it is."""

    def test_requests_and_answers_pass(self, bench: Bench) -> None:
        status, body = bench.aws("DescribeInstances", Name="a/b c")
        assert status == 200
        assert parse_qs(json.loads(body)["body"]) == {
            "Action": ["DescribeInstances"],
            "Version": ["2016-11-15"],
            "Name": ["a/b c"],
        }

    def test_the_api_server_sees_the_controllers_own_identity(self, bench: Bench) -> None:
        status, answer = bench.kubernetes("PUT", "/api/v1/nodes/a?x=1", '{"a": 1}')
        assert (status, answer) == (
            200,
            {"method": "PUT", "path": "/api/v1/nodes/a?x=1", "body": '{"a": 1}', "user": "the-ccm"},
        )

    def test_one_connection_carries_many_requests(self, bench: Bench) -> None:
        for boundary in ("cloud-api", "kubernetes-api"):
            connection = bench.connect(boundary)
            for number in range(3):
                connection.request("GET", f"/{number}")
                assert json.loads(connection.getresponse().read())["path"] == f"/{number}"

    def test_a_watch_is_heard_as_it_speaks(self, bench: Bench) -> None:
        connection = bench.connect("kubernetes-api")
        connection.request("GET", "/api/v1/nodes?watch=1")
        answer = connection.getresponse()
        started = time.monotonic()
        assert answer.readline() == b'{"object":{"a":"one"}}\n'
        assert time.monotonic() - started < 0.25, "the first event waited for the second"
        assert answer.read() == b'{"object":{"a":"two"}}\n'

    def test_a_client_that_sends_no_http_disturbs_nobody(self, bench: Bench) -> None:
        with socket.create_connection(("127.0.0.1", bench._ports["cloud-api"])) as other:
            other.sendall(b"hello\r\n\r\n")
            assert other.recv(10) == b""
        assert bench.aws("DescribeInstances")[0] == 200


class TestEffects:
    """Each effect on the request it is meant for."""

    def test_only_what_matches_is_struck(self, bench: Bench) -> None:
        bench.strike(effect="throttle", match={"action": "Create.*", "parameters": {"Port": "8[01]"}})
        assert bench.aws("DeleteListener", Port="80")[0] == 200
        assert bench.aws("CreateListener", Port="8080")[0] == 200
        status, body = bench.aws("CreateListener", Port="81")
        assert status == 503
        assert "<Code>RequestLimitExceeded</Code>" in body
        assert bench.await_strikes(1)
        assert "cloud-api POST / CreateListener Action=CreateListener" in bench.log.read_text()

    def test_a_rule_strikes_so_often_and_then_never_more(self, bench: Bench) -> None:
        bench.strike(effect="refuse", status=400, code="InvalidGroup.InUse", message="busy", times=2)
        assert [bench.aws("X")[0] for _ in range(4)] == [400, 400, 200, 200]

    def test_each_kind_of_change_is_struck_once(self, bench: Bench) -> None:
        bench.strike(effect="refuse", status=503, code="Busy", times_each=1, match={"changes": True})
        asked = ["DescribeX", "CreateX", "CreateX", "DeleteX", "DeleteX", "CreateX", "GetX", "ListX"]
        assert [bench.aws(action)[0] for action in asked] == [200, 503, 200, 503, 200, 200, 200, 200]
        bench.injector.set([{"boundary": "kubernetes-api", "effect": "throttle", "match": {"changes": True}}])
        assert [bench.kubernetes(method, "/x")[0] for method in ("GET", "PATCH", "DELETE")] == [200, 429, 429]

    def test_a_scenarios_rules_come_beside_those_of_the_run(self, bench: Bench) -> None:
        bench.strike(effect="refuse", status=400, code="Run", times=2, match={"action": "A"})
        assert bench.aws("A")[0] == 400
        of_scenario = {"boundary": "cloud-api", "effect": "refuse", "status": 409, "code": "Scenario"}
        bench.injector.set([of_scenario], of="scenario")
        assert [bench.aws("A")[0] for _ in range(2)] == [400, 409], "the run's strike first, and go on counting"
        assert bench.await_strikes(2)
        assert bench.await_strikes(1, of="scenario")
        bench.injector.set([], of="scenario")
        assert bench.aws("A")[0] == 200, "spent"
        bench.strike(effect="refuse", status=400, code="Run")
        assert (bench.aws("A")[0], bench.injector.strikes(of="scenario")) == (400, [])

    def test_a_rule_spares_the_first_requests(self, bench: Bench) -> None:
        bench.strike(effect="refuse", status=400, match={"action": "X"}, spare=2, times=1)
        assert [bench.aws(action)[0] for action in ("X", "Y", "X", "X", "X")] == [200, 200, 200, 400, 200]

    def test_a_dropped_request_is_never_answered(self, bench: Bench) -> None:
        bench.strike(effect="drop")
        connection = bench.connect("cloud-api")
        connection.timeout = 0.5
        connection.request("POST", "/dropped")
        with pytest.raises(TimeoutError):
            connection.getresponse()
        assert not any("/dropped" in seen for seen in bench.cloud.seen)

    def test_a_connection_is_hung_up(self, bench: Bench) -> None:
        bench.strike(effect="hang-up")
        with pytest.raises(http.client.RemoteDisconnected):
            bench.aws("X")

    def test_an_answer_is_lost(self, bench: Bench) -> None:
        bench.strike(effect="hang-up", moment="after")
        with pytest.raises(http.client.RemoteDisconnected):
            bench.aws("Unanswered")
        assert bench.cloud.await_seen("Unanswered")

    def test_a_request_is_delayed(self, bench: Bench) -> None:
        bench.strike(effect="delay", seconds=0.4)
        started = time.monotonic()
        assert bench.aws("X")[0] == 200
        assert 0.4 <= time.monotonic() - started < SECONDS

    def test_what_is_pretended_does_not_happen(self, bench: Bench) -> None:
        bench.strike(effect="pretend", match={"action": "CreateRoute"})
        status, body = bench.aws("CreateRoute", Cidr="10.0.0.0/8")
        assert (status, "<return>true</return>" in body) == (200, True)
        assert not any("CreateRoute" in seen for seen in bench.cloud.seen)

    def test_what_comes_later_happens_after_its_answer(self, bench: Bench) -> None:
        bench.strike(effect="later", seconds=0.5, body="<done/>")
        assert bench.aws("DeleteLater") == (200, "<done/>")
        assert not any("DeleteLater" in seen for seen in bench.cloud.seen)
        assert bench.cloud.await_seen("DeleteLater")

    def test_requests_and_answers_are_rewritten(self, bench: Bench) -> None:
        bench.strike(
            effect="rewrite", request={"set": {"Port": 8080}}, answer={"replace": [["8080", "80"], ["body", "corps"]]}
        )
        status, body = bench.aws("CreateListener", Port="80")
        assert (status, "Port=80" in json.loads(body)["corps"]) == (200, True)
        assert bench.cloud.await_seen("Port=8080")

    def test_a_pretended_write_is_answered_with_the_object_as_it_is(self, bench: Bench) -> None:
        bench.injector.set([{"boundary": "kubernetes-api", "effect": "pretend", "match": {"method": "P.*|DELETE"}}])
        status, answer = bench.kubernetes("PATCH", "/api/v1/services/a/status", '{"a": 1}')
        assert (status, answer["method"], answer["path"]) == (200, "GET", "/api/v1/services/a")
        assert bench.kubernetes("POST", "/api/v1/events", '{"a": 1}') == (201, {"a": 1})
        assert bench.kubernetes("DELETE", "/api/v1/nodes/a")[1]["status"] == "Success"
        assert {seen.split()[0] for seen in bench.api_server.seen[-1:]} == {"GET"}

    def test_events_of_a_watch_are_rewritten_from_then_on(self, bench: Bench) -> None:
        connection = bench.connect("kubernetes-api")
        connection.request("GET", "/api/v1/services?watch=1")
        answer = connection.getresponse()
        first = answer.readline()
        rule = {"boundary": "kubernetes-api", "effect": "rewrite", "answer": {"set": {"object.a": "three"}}}
        bench.injector.set([{**rule, "match": {"path": "/api/v1/services", "body": "two"}}])
        assert (json.loads(first), json.loads(answer.read())) == ({"object": {"a": "one"}}, {"object": {"a": "three"}})
        assert bench.await_strikes(1)
        assert 'GET /api/v1/services {"object":{"a":"two"}}' in bench.log.read_text()

    def test_an_event_that_an_edit_leaves_as_it_is_is_not_struck(self, bench: Bench) -> None:
        edit = {"remove": ["object.b"]}
        bench.injector.set([{"boundary": "kubernetes-api", "effect": "rewrite", "answer": edit, "times": 1}])
        connection = bench.connect("kubernetes-api")
        connection.request("GET", "/api/v1/services?watch=1")
        assert connection.getresponse().read() == b'{"object":{"a":"one"}}\n{"object":{"a":"two"}}\n'
        assert bench.injector.strikes() == [0]

    def test_the_api_server_refuses_as_it_does(self, bench: Bench) -> None:
        rule = {"boundary": "kubernetes-api", "effect": "refuse", "status": 409, "code": "Conflict", "message": "no"}
        bench.injector.set([rule])
        status, answer = bench.kubernetes("PUT", "/x", "{}")
        assert (status, answer["kind"], answer["reason"], answer["message"]) == (409, "Status", "Conflict", "no")

    def test_google_refuses_as_it_does(self, bench: Bench) -> None:
        bench.strike(boundary="cloud-api", effect="throttle", match={"path": ".*/firewalls"})
        status, answer = bench.google("POST", "/compute/v1/projects/local/global/firewalls", "{}")
        assert (status, answer["error"]["code"]) == (403, 403)
        assert [one["reason"] for one in answer["error"]["errors"]] == ["rateLimitExceeded"]

    def test_each_kind_of_googles_changes_is_struck_once_and_no_question(self, bench: Bench) -> None:
        bench.strike(effect="refuse", status=503, code="backendError", times_each=1, match={"changes": True})
        asked = [
            ("GET", "global/firewalls/a"),
            ("POST", "global/firewalls"),
            ("POST", "global/firewalls"),
            ("DELETE", "global/firewalls/a"),
            ("DELETE", "global/firewalls/b"),
            ("POST", "regions/r/targetPools/p/addInstance"),
            ("POST", "regions/r/targetPools/p/getHealth"),
            ("POST", "global/operations/o/wait"),
        ]
        statuses = [bench.google(method, f"/compute/v1/projects/local/{path}", "{}")[0] for method, path in asked]
        assert statuses == [200, 503, 200, 503, 200, 503, 200, 200]

    def test_googles_orders_are_pretended_to_be_done_and_so_are_their_operations(self, bench: Bench) -> None:
        bench.strike(effect="pretend", match={"action": r"targetPools\.delete"})
        pools, before = "/compute/v1/projects/local/regions/r/targetPools", len(bench.cloud.seen)
        assert bench.google("DELETE", f"{pools}/a")[1]["status"] == "DONE"
        operation = bench.google("DELETE", f"{pools}/b")[1]["selfLink"].removeprefix("https://www.googleapis.com")
        assert operation.startswith("/compute/v1/projects/local/regions/r/operations/")
        assert bench.google("POST", f"{operation}/wait")[1]["status"] == "DONE"
        assert bench.google("GET", f"{pools}/a", "{}")[0] == 200
        assert bench.cloud.seen[before:] == [f"GET {pools}/a {{}}"]

    @pytest.mark.parametrize(("moment", "arrives"), [("before", False), ("after", True)])
    def test_the_controller_crashes_before_or_after_its_request(self, bench: Bench, moment: str, arrives: bool) -> None:
        match = {"at": "cloud-api", "action": f"Crash-{moment}"}
        bench.strike(boundary="ccm-process", effect="crash", moment=moment, match=match)
        connection = bench.connect("cloud-api")
        connection.timeout = 0.5
        body = urlencode({"Action": f"Crash-{moment}"})
        connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"})
        with pytest.raises(TimeoutError):
            connection.getresponse()
        assert bench.signals == [(0, signal.SIGKILL)]
        assert any(f"Crash-{moment}" in seen for seen in bench.cloud.seen) is arrives

    def test_the_replica_crashes_whose_request_it_was(self, bench: Bench) -> None:
        bench.injector.set([{"boundary": "ccm-process", "effect": "crash", "match": {"at": "kubernetes-api"}}])
        connection = bench.connect("kubernetes-api")
        connection.request("GET", "/")
        assert bench.await_strikes(1)
        assert bench.signals == [(1, signal.SIGKILL)]

    def test_the_controller_stalls_and_goes_on(self, bench: Bench) -> None:
        bench.strike(boundary="ccm-process", effect="stall", seconds=0.4, match={"at": "cloud-api"}, times=1)
        assert bench.aws("X")[0] == 200
        assert bench.await_strikes(1)
        deadline = time.monotonic() + SECONDS
        while bench.signals != [(0, signal.SIGSTOP), (0, signal.SIGCONT)] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert bench.signals == [(0, signal.SIGSTOP), (0, signal.SIGCONT)]

    def test_a_stalled_controller_goes_on_when_the_fault_ends(self, bench: Bench) -> None:
        bench.strike(boundary="ccm-process", effect="stall", seconds=600, match={"at": "cloud-api"})
        connection = bench.connect("cloud-api")
        connection.request("GET", "/")
        assert bench.await_strikes(1)
        bench.injector.set([])
        assert bench.signals == [(0, signal.SIGSTOP), (0, signal.SIGCONT)]

    def test_wrong_rules_are_refused_and_change_nothing(self, bench: Bench) -> None:
        bench.strike(effect="throttle")
        with pytest.raises(UsageError, match="effect: 'x' is none of"):
            bench.strike(effect="x")
        assert bench.aws("X")[0] == 503


def _instance(name: str, power: Any = "running", boots: int = 1) -> DesiredInstance:
    return DesiredInstance(f"i-{name}", power, boots, "10.77.0.9", name, "s", "z", (), True, {})


def _state(*instances: DesiredInstance) -> DesiredState:
    check = DesiredHealthCheck("TCP", None, "", "", 10, 5, 2, 2)
    targets = tuple(DesiredTarget(one.id, 30080) for one in instances)
    listeners = tuple(
        DesiredListener(protocol, port, "tg", targets, check, True, False, None, 350, 300.0, 0.0)
        for protocol, port in (("TCP", 80), ("UDP", 53))
    )
    balancer = DesiredLoadBalancer("lb", "network", "lb", "lb.example", "internet-facing", (), None, listeners)
    return DesiredState({one.id: one for one in instances}, {}, {}, {"lb": balancer})


def _wakes(bench: Bench, starts: str, state: DesiredState) -> bool:
    bench.strike(effect="throttle", starts=starts)
    asleep = bench.aws("X")[0] == 200
    bench.injector.observe(_state(_instance("a")))
    asleep &= bench.aws("X")[0] == 200
    bench.injector.observe(state)
    return asleep and bench.aws("X")[0] == 503


class TestRestart:
    """A gate that dies comes back, with the same rules and what they have struck."""

    def _kill(self, bench: Bench) -> None:
        before = bench.gate
        os.kill(before, signal.SIGKILL)
        deadline = time.monotonic() + 4 * SECONDS
        while bench.gate == before or not bench.listens():
            assert time.monotonic() < deadline, "no gate came back"
            time.sleep(0.02)

    def test_requests_pass_again(self, bench: Bench) -> None:
        self._kill(bench)
        assert bench.aws("X")[0] == 200
        assert bench.kubernetes("GET", "/api")[0] == 200
        assert "the gate ended with exit code -9; started again" in bench.log.read_text()

    def test_rules_hold_again_but_not_those_that_are_spent(self, bench: Bench) -> None:
        once = {"boundary": "cloud-api", "effect": "throttle", "times": 1, "match": {"action": "Once"}}
        bench.injector.set([once, {"boundary": "cloud-api", "effect": "throttle", "match": {"action": "Always"}}])
        assert bench.aws("Once")[0] == 503
        assert bench.await_strikes(1, 0)
        self._kill(bench)
        assert (bench.aws("Once")[0], bench.aws("Always")[0]) == (200, 503)
        assert bench.await_strikes(1, 1)

    def test_those_that_suffer_are_known_again(self, bench: Bench) -> None:
        bench.strike(effect="throttle", match={"sufferer": True})
        bench.injector.instance_suffers("i-4")
        self._kill(bench)
        assert [bench.aws("X", InstanceId=each)[0] for each in ("i-4", "i-5")] == [503, 200]

    def test_rules_may_be_set_while_it_is_away(self, bench: Bench) -> None:
        os.kill(bench.gate, signal.SIGKILL)
        bench.strike(effect="throttle")
        assert bench.aws("X")[0] == 503


def test_changes_that_are_asked_of_the_cloud_are_counted_by_replica(bench: Bench) -> None:
    before = bench.injector.changes().get(0, 0)
    for action in ("CreateVpc", "DescribeVpcs", "DeleteVpc"):
        bench.aws(action)
    bench.kubernetes("DELETE", "/api/v1/nodes/a")
    deadline = time.monotonic() + SECONDS
    while bench.injector.changes() != {0: before + 2}:
        assert time.monotonic() < deadline, bench.injector.changes()
        time.sleep(0.01)


def test_a_gate_that_does_not_start_is_one_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        way = Way("cloud-api", "127.0.0.1", taken.getsockname()[1], "127.0.0.1", 9)
        with pytest.raises(EnvironmentProblem, match=r"the fault gate does not answer: see .*faults\.log"):
            Injector([way], tmp_path / "faults.log", signal_ccm=lambda *_: None, changed=lambda: None)


@pytest.mark.parametrize(
    ("starts", "instance"),
    [("instance-rebooted", _instance("a", boots=2)), ("instance-stopped", _instance("a", "stopped"))],
)
def test_a_rule_sleeps_until_an_instance_made_it_start(bench: Bench, starts: str, instance: DesiredInstance) -> None:
    assert _wakes(bench, starts, _state(instance))


def test_a_rule_sleeps_until_the_controller_ended(bench: Bench) -> None:
    bench.strike(effect="throttle", starts="ccm-ended")
    bench.injector.observe(_state(_instance("a", "stopped", boots=2)))
    assert bench.aws("X")[0] == 200
    bench.injector.ccm_ended()
    assert bench.aws("X")[0] == 503


def test_a_rule_sleeps_until_the_api_server_ended(bench: Bench) -> None:
    bench.strike(effect="throttle", starts="api-server-ended")
    bench.injector.ccm_ended()
    assert bench.aws("X")[0] == 200
    bench.injector.api_server_ended()
    assert bench.aws("X")[0] == 503


def test_a_crash_wakes_what_waits_for_the_controllers_end(bench: Bench) -> None:
    crash = {"boundary": "ccm-process", "effect": "crash", "match": {"at": "cloud-api", "action": "Crash"}}
    asleep = {"boundary": "cloud-api", "effect": "throttle", "starts": "ccm-ended"}
    bench.injector.set([asleep])
    bench.injector.set([crash], of="scenario")
    connection = bench.connect("cloud-api")
    body = urlencode({"Action": "Crash"})
    connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"})
    deadline = time.monotonic() + SECONDS
    while bench.aws("X")[0] == 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (bench.aws("X")[0], bench.signals) == (503, [(0, signal.SIGKILL)])


@pytest.mark.parametrize(
    ("starts", "happens"),
    [
        ("backend-ends", Injector.backend_ended),
        ("instance-suffers", lambda injector: injector.instance_suffers("i-1")),
    ],
)
def test_a_rule_wakes_whenever_this_happens_and_sleeps_again(
    bench: Bench, starts: str, happens: Callable[[Injector], None]
) -> None:
    bench.strike(effect="throttle", starts=starts, lasts=0.2)
    bench.injector.observe(_state(_instance("a", "stopped")))
    assert bench.aws("X")[0] == 200
    for _ in range(2):
        happens(bench.injector)
        assert bench.aws("X")[0] == 503
        assert _soon(lambda: bench.aws("X")[0] == 200)


def test_a_rule_for_those_that_suffer_strikes_no_request_about_others(bench: Bench) -> None:
    bench.strike(effect="throttle", match={"sufferer": True})
    assert bench.aws("X", InstanceId="i-2")[0] == 200
    bench.injector.instance_suffers("i-2")
    assert [bench.aws("X", InstanceId=each)[0] for each in ("i-2", "i-22", "i-3")] == [503, 200, 200]
    bench.injector.instance_suffers("i-3")
    assert [bench.aws("X", InstanceId=each)[0] for each in ("i-2", "i-3")] == [503, 503]


def test_what_a_former_rule_began_does_not_end_the_next(bench: Bench) -> None:
    bench.strike(effect="throttle", starts="backend-ends", lasts=0.1)
    bench.injector.backend_ended()
    bench.strike(effect="throttle")
    time.sleep(0.3)
    assert bench.aws("X")[0] == 503


def test_backends_are_watched_once_a_rule_needs_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.strike(effect="throttle")
    assert bench.watched == []
    for _ in range(2):
        bench.strike(effect="throttle", starts="backend-ends")
    assert bench.watched == [bench.injector.backend_ended]
    bench.close()


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _data_plane(**rule: Any) -> DataPlane:
    plane = DataPlane()
    plane.set(parse_rules([{"boundary": "data-plane", **rule}], where="rules"), asleep=())
    return plane


def _listeners(state: DesiredState) -> list[tuple[str, bool]]:
    return [(one.protocol, one.preserve_client_ip) for one in state.load_balancers["lb"].listeners]


class TestDataPlane:
    """Reality is altered where a rule says."""

    def test_listeners_are_not_carried(self) -> None:
        plane = _data_plane(effect="not-carried", match={"protocol": "udp"})
        assert _listeners(altered(_state(), plane)) == [("TCP", True)]
        assert plane.struck == {0}

    def test_clients_are_hidden(self) -> None:
        plane = _data_plane(effect="hide-client", match={"port": 80})
        assert _listeners(altered(_state(), plane)) == [("TCP", False), ("UDP", True)]

    def test_without_rules_nothing_is_altered(self) -> None:
        state = _state(_instance("a"))
        plane = DataPlane()
        assert altered(state, plane) is state
        assert plane.losses([("a", "ia")]) == []
        assert (plane.told("a", True), plane.told("a", False), plane.boot_seconds("a")) == (True, False, 0)

    @pytest.mark.parametrize(
        ("rule", "match"),
        [
            ({"effect": "black-hole"}, ""),
            ({"effect": "lose", "percent": 12.5}, "numgen random mod 10000 < 1250"),
            ({"effect": "lose", "match": {"node": "b", "port": 53}}, "meta l4proto { tcp, udp } th dport 53 numgen"),
        ],
    )
    def test_packets_vanish(self, rule: dict[str, Any], match: str) -> None:
        rule = {**rule, "match": {"node": "b", **rule.get("match", {})}}
        (loss,) = _data_plane(**rule).losses([("a", "ia"), ("b", "ib")])
        assert loss.link == "ib"
        assert loss.match.startswith(match)

    def test_health_checks_lie(self) -> None:
        plane = _data_plane(effect="health", verdict="healthy", match={"node": "b"})
        assert (plane.told("a", False), plane.told("b", False)) == (False, True)

    def test_targets_are_forgotten(self) -> None:
        state = _state(_instance("a"), _instance("b"))
        plane = _data_plane(effect="forget-target", match={"node": "b"})
        assert {one.targets for one in altered(state, plane).load_balancers["lb"].listeners} == {
            (DesiredTarget("i-a", 30080),)
        }

    def test_flows_stay(self) -> None:
        assert _data_plane(effect="keep-flows").keeps_flows()
        assert not DataPlane().keeps_flows()

    def test_kube_proxy_stalls(self) -> None:
        plane = _data_plane(effect="stall-kube-proxy", match={"node": "b"})
        assert (plane.stalls_kube_proxy("a"), plane.stalls_kube_proxy("b")) == (False, True)

    def test_instances_boot_slowly(self) -> None:
        assert _data_plane(effect="slow-boot", seconds=3).boot_seconds("a") == 3
