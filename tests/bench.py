"""`make bench`: how long things take on this machine, as JSON on standard output; progress goes to standard error.

Figures of one run are comparable with each other, hardly with those of another machine or hour. Nothing here judges.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccm_scenarios.contract import Capability
from ccm_scenarios.kube.latency import notice_latencies
from ccm_scenarios.localcloud import binaries, client, images
from ccm_scenarios.localcloud.binaries.catalogue import select
from ccm_scenarios.localcloud.cgroups import cpu_seconds, memory_bytes
from ccm_scenarios.localcloud.state import State
from ccm_scenarios.reporting import timing
from ccm_scenarios.targets.local import LOCAL_TIMEOUTS
from ccm_scenarios.traffic import engine
from ccm_scenarios.traffic.samples import Answer, Outcome
from ccm_scenarios.world import World
from tests import scale

NAME = "bench"
_SAMPLES = 200
_USAGE_SECONDS = 0.2
_WORST = 10
_SAMPLE = (
    "lb-cleanup-finalizer-lifecycle",
    "lb-etp-local-preserves-client-ip",
    "lb-provisioned",
    "lb-type-and-port-changes-tcp",
    "lb-type-and-port-changes-udp",
    "node-addresses-set",
    "node-gone-in-cloud-is-deleted",
    "node-provider-id-set",
    "node-shutdown-is-tainted-not-deleted",
    "node-uninitialized-taint-removed",
    "nodes-recover-from-clean-reboot",
    "route-per-node",
)
"""Behaviours of every kind: all of them one by one would take half an hour."""
_SIZES = (3, 6, 10)
"""Nodes of local clouds of which boot time and memory are told."""
_SCALE_NODES = (25, 50, 100, 200)
_SCALE_SERVICES = (25, 50, 100)
_PROBE_RATE = 100
_PROBE_SECONDS = 5.0
_REACTIONS = "import sys; from tests import bench; bench.print_reactions(sys.argv[1])"
_GROWTH = "import sys; from tests import bench; bench.print_growth(sys.argv[1])"


@dataclass(frozen=True)
class Subject:
    """Whose cloud and controller are measured."""

    provider: str
    flavour: str
    """As behaviours are run, and Services counted."""
    reactions: str
    """The flavour in which single reactions are timed."""


SUBJECTS = {one.provider: one for one in (Subject("aws", "nlb", "classic"), Subject("gcp", "network", "network"))}


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


@contextmanager
def timed(results: dict[str, Any], name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    results[name] = round(time.monotonic() - start, 2)
    say(f"{name}: {results[name]} s")


class Usage:
    """Samples what a local cloud uses while it lives; page cache that the kernel would drop is not counted.

    Args:
        name: the local cloud, which need not be there yet.
    """

    def __init__(self, name: str) -> None:
        self.peak_memory = 0
        self.cpu_seconds = 0.0
        self._group = State(name).cgroup
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Usage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_USAGE_SECONDS):
            self.peak_memory = max(self.peak_memory, memory_bytes(self._group) or 0)
            self.cpu_seconds = max(self.cpu_seconds, cpu_seconds(self._group) or 0.0)


def first_setup() -> dict[str, Any]:
    """A set-up with nothing cached, and the bare `go build` commands it consists of, one after the other."""
    results: dict[str, Any] = {}
    for name, run in (("setup_cold_seconds", _our_build), ("bare_go_build_seconds", _bare_build)):
        with tempfile.TemporaryDirectory(prefix="ccm-scenarios-bench-") as scratch:
            environment = {
                **os.environ,
                "XDG_CACHE_HOME": f"{scratch}/cache",
                "GOCACHE": f"{scratch}/go-build",
                "GOMODCACHE": f"{scratch}/go-mod",
                # Else Go keeps its modules read-only and the directory cannot be removed.
                "GOFLAGS": "-modcacherw",
            }
            with timed(results, name):
                run(environment, Path(scratch))
    results["setup_to_bare_ratio"] = round(results["setup_cold_seconds"] / results["bare_go_build_seconds"], 3)
    return results


def _our_build(environment: dict[str, str], _scratch: Path) -> None:
    command = [sys.executable, "-m", "ccm_scenarios.localcloud.binaries"]
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)


def _bare_build(environment: dict[str, str], scratch: Path) -> None:
    for component in select(None):
        command = ["go", "build", "-trimpath", "-ldflags", component.ldflags, "-o", f"{scratch}/{component.name}/"]
        subprocess.run(
            [*command, *component.packages.values()],
            cwd=component.directory,
            env={**environment, "CGO_ENABLED": "0"},
            check=True,
        )


def reactions(subject: Subject) -> dict[str, Any]:
    """What a CCM developer waits for in the running bench cloud; measured from outside, as the suite does."""
    with scale.worlds_in(NAME, subject.provider, subject.reactions, LOCAL_TIMEOUTS) as make_world:
        return _reactions(make_world)


def _reactions(make_world: Callable[[], World]) -> dict[str, Any]:
    results: dict[str, Any] = {}

    def measure(name: str, prepare: Callable[[World], Callable[[], None]], needed: Capability | None = None) -> None:
        with closing(make_world()) as one:
            if needed and needed not in one.provider.capabilities:
                return
            act = prepare(one)
            with timed(results, name):
                act()

    def address(one: World) -> Callable[[], None]:
        backend = one.workloads.make_backend()
        return lambda: one.services.make(backend, "LoadBalancer").ingress.expect_address()

    def deletion(one: World) -> Callable[[], None]:
        node = one.own_nodes.launch()
        instances = one.provider.instances
        instance = instances.get(node.provider_id).id

        def act() -> None:
            instances.delete(instance)
            node.expect_gone()

        return act

    def taint(one: World) -> Callable[[], None]:
        node = one.own_nodes.launch()
        instances = one.provider.instances
        instance = instances.get(node.provider_id).id

        def act() -> None:
            instances.stop(instance)
            node.conduct.expect_shutdown_taint(present=True)

        return act

    measure("lb_address_seconds", address)
    measure("node_deletion_seconds", deletion)
    measure("shutdown_taint_seconds", taint, Capability.INSTANCE_SHUTDOWN_TAINT)
    with closing(make_world()) as one:
        latencies = [1000 * seconds for seconds in notice_latencies(one.cluster, one.namespace, samples=_SAMPLES)]
    percentiles = statistics.quantiles(latencies, n=100)
    results["notice_latency_ms"] = {
        "samples": len(latencies),
        "p50": round(percentiles[49], 1),
        "p99": round(percentiles[98], 1),
        "max": round(latencies[-1], 1),
    }
    return results


def behaviours(subject: Subject, jobs: int | None) -> dict[str, Any]:
    """A run of the sample with a local cloud of its own, and where its time went.

    Args:
        jobs: scenarios at once; None leaves that to the runner.
    """
    name = f"{NAME}-behaviours"
    command = [sys.executable, "-m", "behave", f"--tags=@{subject.provider}", "--format=null", "--no-summary"]
    command.append(f"--tags={' or '.join(f'@{behaviour}' for behaviour in _SAMPLE)}")
    command += ["-D", f"localcloud={name}", "-D", f"flavour={subject.flavour}", *([f"-j{jobs}"] if jobs else [])]
    with tempfile.TemporaryDirectory(prefix="ccm-scenarios-bench-") as reports, Usage(name) as usage:
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.run(command, env={**os.environ, "ARTIFACTS": reports}, stdout=sys.stderr)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        lines = timing.read(Path(reports))
    suite_cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result = {
        "exit_code": process.returncode,
        "wall_seconds": round(wall, 1),
        "suite_cpu_seconds": round(suite_cpu, 2),
        "suite_cpu_share": round(suite_cpu / (suite_cpu + usage.cpu_seconds), 3),
        "scenarios": _worst(lines),
    }
    if jobs == 1:
        # One after another, the parts add up to the whole.
        needed, watched = (sum(line[part] for line in lines) for part in ("needed", "watched"))
        result |= {
            "needed_seconds": round(needed, 1),
            "watched_seconds": round(watched, 1),
            "own_seconds": round(wall - needed - watched, 1),
            "own_share": round((wall - needed - watched) / wall, 3),
            "added_share": round((wall - needed) / wall, 3),
        }
    return result


def _worst(lines: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What takes longest: scenarios by what the suite adds to what the cluster needs, and single waits."""
    scenarios = [line for line in lines if line["scenario"]]
    parts = ("seconds", "needed", "watched", "cpu")
    by_added = sorted(scenarios, key=lambda line: line["seconds"] - line["needed"], reverse=True)
    waits = [[line["scenario"], *wait] for line in lines for wait in line["waits"]]
    return {
        "added_most": [{"id": line["scenario"], **{part: line[part] for part in parts}} for line in by_added[:_WORST]],
        "waited_longest": sorted(waits, key=lambda wait: wait[2] + wait[3], reverse=True)[:_WORST],
    }


def probe() -> dict[str, Any]:
    """What continuous probing costs and how exact it is, on loopback."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nme"
    served = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:

        def serve() -> None:
            while not served.is_set():
                connection, _ = server.accept()
                with connection:
                    connection.recv(1024)
                    connection.send(answer)

        threading.Thread(target=serve, daemon=True).start()
        call = engine.Call("http", server.getsockname()[1], "hostname", "bench", 1 / _PROBE_RATE, 1.0)
        before = engine.cpu_seconds()
        probing = engine.SocketProbing("127.0.0.1", call, lambda text, _: Answer(Outcome.GOOD, text), lambda a: [a])
        time.sleep(_PROBE_SECONDS)
        probing.stop(drain=True)
        served.set()
    return {
        "connections_per_second": round(probing.samples.size / probing.samples.seconds, 1),
        "core_share": round((engine.cpu_seconds() - before) / probing.samples.seconds, 3),
        "longest_gap_ms": round(1000 * probing.samples.longest_outage.seconds, 1),
    }


def sizes(subject: Subject) -> dict[str, Any]:
    """Seconds to boot, and MiB in use after it, of local clouds from small to large."""
    results: dict[str, Any] = {}
    for count in _SIZES:
        name = f"{NAME}-{count}"
        result: dict[str, Any] = {}
        try:
            with timed(result, "boot_seconds"):
                cloud = client.up(name, cloud=subject.provider, nodes=count, owned=False, progress=say)
            result["memory_mib"] = cloud.status()["memory_mib"]
        finally:
            client.down(name)
        results[f"{count} nodes"] = result
    return results


def growth(subject: Subject) -> dict[str, Any]:
    """Seconds per Node and per Service as there are more of them, each number on a local cloud that is used on."""
    results: dict[str, Any] = {}
    for what, measure, counts in (
        ("node", scale.nodes, _SCALE_NODES),
        ("service", scale.services, _SCALE_SERVICES),
    ):
        for count in counts:
            with scale.world_in(NAME, subject.provider, subject.flavour) as world:
                seconds = measure(world, count)
            each = {f"seconds_until_{end}": round(took / count, 3) for end, took in seconds.items()}
            say(f"each of {count} {what}s: {each}")
            results[f"each of {count} {what}s"] = each
    return results


def startup() -> dict[str, float]:
    """Wall seconds of what starts nothing, the best of three."""
    results = {}
    for name, arguments in (("dry_run_seconds", ["--dry-run", "--format=null"]), ("help_seconds", ["--help"])):
        times = []
        for _ in range(3):
            start = time.monotonic()
            subprocess.run([sys.executable, "-m", "behave", *arguments], stdout=subprocess.DEVNULL, check=True)
            times.append(time.monotonic() - start)
        results[name] = round(min(times), 2)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="also time a first set-up against bare go build (long)")
    parser.add_argument("--nodes", type=int, default=3, help="nodes of the local cloud (default: 3)")
    parser.add_argument("--provider", choices=SUBJECTS, default="aws", help="whose controller (default: aws)")
    arguments = parser.parse_args()
    subject = SUBJECTS[arguments.provider]
    results: dict[str, Any] = {"provider": subject.provider, "nodes": arguments.nodes}
    if arguments.cold:
        results |= first_setup()
    with timed(results, "setup_warm_seconds"):
        images.prepare_images(binaries.prepare())
    client.down(NAME)
    try:
        with Usage(NAME) as usage:
            with timed(results, "boot_seconds"):
                cloud = client.up(NAME, cloud=subject.provider, nodes=arguments.nodes, owned=False, progress=say)
            results["memory_after_boot_mib"] = cloud.status()["memory_mib"]
            # In a process of its own: it moves into the client's network for good.
            results |= json.loads(
                subprocess.run(
                    [sys.executable, "-c", _REACTIONS, subject.provider],
                    stdout=subprocess.PIPE,
                    check=True,
                ).stdout
            )
            results["growth"] = json.loads(
                subprocess.run(
                    [sys.executable, "-c", _GROWTH, subject.provider],
                    stdout=subprocess.PIPE,
                    check=True,
                ).stdout
            )
        results["peak_memory_mib"] = usage.peak_memory >> 20
        with timed(results, "down_seconds"):
            client.down(NAME)
    finally:
        client.down(NAME)
    results["sizes"] = sizes(subject)
    results |= startup()
    results["probe"] = probe()
    results["behaviours_one_by_one"] = one = behaviours(subject, 1)
    results["behaviours_side_by_side"] = many = behaviours(subject, None)
    results["side_by_side_ratio"] = round(many["wall_seconds"] / one["wall_seconds"], 3)
    print(json.dumps(results, indent=1))
    return 0


def print_reactions(provider: str) -> None:
    """`reactions` of the running bench cloud, as JSON."""
    print(json.dumps(reactions(SUBJECTS[provider])))


def print_growth(provider: str) -> None:
    """`growth` on the running bench cloud, as JSON."""
    print(json.dumps(growth(SUBJECTS[provider])))


if __name__ == "__main__":
    sys.exit(main())
