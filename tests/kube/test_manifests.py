"""What Pods run that is not the test application itself."""

from __future__ import annotations

import os
import subprocess

import pytest

from ccm_scenarios.kube import manifests
from ccm_scenarios.localcloud.proxy import preface

CLIENT, FRONT = ("198.51.100.10", 40001), ("203.0.113.1", 80)
TOLD = "198.51.100.10:40001"


@pytest.mark.parametrize("shell", [["sh"], ["busybox", "sh"]], ids=" ".join)
@pytest.mark.parametrize(
    ("before", "client"), [(b"", "untold"), (preface("v1", CLIENT, FRONT), TOLD), (preface("v2", CLIENT, FRONT), TOLD)]
)
@pytest.mark.parametrize("path", ["hostname", "clientip"])
def test_a_backend_reads_the_proxy_protocol(shell: list[str], before: bytes, client: str, path: str) -> None:
    request = before + f"GET /{path} HTTP/1.1\r\nHost: lb:80\r\nConnection: close\r\n\r\n".encode()
    (container,) = manifests.deployment("app", 1, reads_proxy_protocol=True)["spec"]["template"]["spec"]["containers"]
    script = container["command"][-1]
    run = subprocess.run(
        [*shell, "-c", script],
        input=request,
        capture_output=True,
        check=True,
        env={"HOSTNAME": "pod-1", "PATH": os.environ["PATH"]},
        timeout=10,
    )
    said = client if path == "clientip" else "pod-1"
    assert run.stdout.decode() == (f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n{said}")
    assert run.stderr == b""
