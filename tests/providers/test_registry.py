"""Adapters are found by name, by entry point and by path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import providers
from ccm_scenarios.errors import UsageError

MYCLOUD = """
class Factory:
    name = "mycloud"
    flavours = ("plain",)

    def connect(self, *, endpoint, flavour, timeouts):
        raise NotImplementedError
"""


@pytest.mark.parametrize(
    ("name", "flavours", "sdk"),
    [("aws", ("classic", "nlb"), "boto3"), ("gcp", ("network",), "google.cloud.compute_v1")],
)
def test_a_builtin_adapter_is_found_without_its_sdk(name: str, flavours: tuple[str, ...], sdk: str) -> None:
    script = f"import sys, providers; print(providers.find('{name}').flavours, '{sdk}' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{flavours} False"
    assert name in providers.names()


def test_an_adapter_is_found_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mycloud_by_path.py").write_text(MYCLOUD)
    monkeypatch.syspath_prepend(tmp_path)
    factory = providers.find("mycloud_by_path:Factory")
    assert (factory.name, factory.flavours) == ("mycloud", ("plain",))


def test_an_adapter_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mycloud_registered.py").write_text(MYCLOUD)
    metadata = tmp_path / "mycloud-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mycloud\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ccm_scenarios.providers]\nmycloud = mycloud_registered:Factory\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "mycloud" in providers.names()
    assert providers.find("mycloud").name == "mycloud"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("asw", "unknown provider 'asw'; did you mean 'aws'?"),
        ("nothing-like-it", "known: aws"),
        ("no_such_module:Factory", "cannot be loaded: No module named 'no_such_module'"),
        ("pathlib:NoSuchClass", "cannot be loaded"),
        (":", "cannot be loaded"),
        ("pathlib:Path", "is no provider: it lacks flavours, connect"),
    ],
)
def test_what_is_no_adapter_is_refused(asked: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        providers.find(asked)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_without_flavours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = SimpleNamespace(Empty=SimpleNamespace(name="empty", flavours=(), connect=print))
    monkeypatch.setitem(sys.modules, "empty_cloud", empty)
    with pytest.raises(UsageError, match="it lacks flavours"):
        providers.find("empty_cloud:Empty")
