"""`-D` words are checked before anything starts."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ccm_scenarios.errors import UsageError
from ccm_scenarios.options import Options, Upgrades


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A file that exists."""
    path = tmp_path / "kubeconfig"
    path.write_text("{}")
    return path


def test_without_words_the_local_cloud_is_meant() -> None:
    assert Options.parse({}) == Options(localcloud="default")


def test_all_words_of_a_named_cluster(kubeconfig: Path) -> None:
    words = {
        "kubeconfig": str(kubeconfig),
        "context": "prod",
        "disruptive": "allow",
        "flavour": "nlb",
        "provider": "x:Y",
        "cluster": "production",
        "node-template": "launch_template=nodes,node_names=private-address",
    }
    assert Options.parse(words) == Options(
        kubeconfig=kubeconfig,
        context="prod",
        disruptive=True,
        flavour="nlb",
        provider="x:Y",
        cluster="production",
        node_template={"launch_template": "nodes", "node_names": "private-address"},
    )


def test_how_a_named_cluster_gets_other_versions(kubeconfig: Path) -> None:
    words = {
        "kubeconfig": str(kubeconfig),
        "upgrade-command": "./upgrade --cluster 'my own'",
        "upgrade-versions": "v1.36,v1.37.2",
    }
    upgrades = Upgrades(("./upgrade", "--cluster", "my own"), older="v1.36", newer="v1.37.2")
    assert Options.parse(words).upgrades == upgrades
    replaced = Options.parse({**words, "upgrade-nodes": "replaced"}).upgrades
    assert replaced == dataclasses.replace(upgrades, in_place=False)
    del words["upgrade-command"]
    assert Options.parse(words).upgrades == dataclasses.replace(upgrades, command=())


def test_all_words_of_the_local_cloud(tmp_path: Path) -> None:
    ccm = tmp_path / "ccm"
    ccm.touch(mode=0o755)
    words = {"ccm": str(ccm), "localcloud": "second", "nodes": "5", "realistic": "true"}
    assert Options.parse(words) == Options(ccm=ccm, localcloud="second", nodes=5, realistic=True)


def test_a_fault_is_read_from_the_catalogue_or_from_a_file(tmp_path: Path) -> None:
    found = Options.parse({"fault": "lb-leaked", "timeouts": "0.5"})
    assert found.fault is not None and found.fault.name == "lb-leaked"
    assert found.timeouts == 0.5
    file = tmp_path / "mine.toml"
    file.write_text('title = "Mine"\n[[rules]]\nboundary = "cloud-api"\neffect = "drop"\n')
    own = Options.parse({"fault": str(file)}).fault
    assert own is not None and (own.name, own.title) == ("mine", "Mine")


def test_behaves_own_words_are_let_through() -> None:
    assert Options.parse({"behave.reporter.summary.output_format": "v1"}) == Options()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"flavor": "nlb"}, "unknown key -D flavor; did you mean 'flavour'?"),
        ({"zzz": "1"}, "unknown key -D zzz; known: provider, flavour, kubeconfig"),
        ({"flavour": ""}, "-D flavour has no value"),
        ({"kubeconfig": "/no/such/file"}, "-D kubeconfig=/no/such/file: there is no such file"),
        ({"context": "prod"}, "-D context is about a named cluster; name it with -D kubeconfig=FILE"),
        ({"disruptive": "allow"}, "-D disruptive is about a named cluster"),
        ({"cluster": "production"}, "-D cluster is about a named cluster"),
        ({"kubeconfig": "FILE", "node-template": "nodes"}, "-D node-template=nodes: give KEY=VALUE,... with each key"),
        ({"kubeconfig": "FILE", "node-template": "a=1,a=2"}, "-D node-template=a=1,a=2: give KEY=VALUE,... with each"),
        ({"kubeconfig": "FILE", "nodes": "3"}, "-D nodes is about the local cloud"),
        ({"kubeconfig": "FILE", "ccm": "/bin/true"}, "-D ccm is about the local cloud"),
        ({"kubeconfig": "FILE", "localcloud": "x"}, "-D localcloud is about the local cloud"),
        ({"kubeconfig": "FILE", "disruptive": "true"}, "-D disruptive=true: the only value is 'allow'"),
        ({"kubeconfig": "FILE", "realistic": "true"}, "-D realistic is about the local cloud"),
        ({"realistic": "false"}, "-D realistic=false: the only value is 'true', or none"),
        ({"ccm": "/no/such/ccm"}, "-D ccm=/no/such/ccm: there is no such file"),
        ({"ccm": "FILE"}, "the file is not executable"),
        ({"fault": "lb-leakt"}, "there is no fault 'lb-leakt'; did you mean 'lb-leaked'?"),
        ({"fault": "/no/such.toml"}, "the fault /no/such.toml cannot be read: No such file"),
        ({"kubeconfig": "FILE", "fault": "lb-leaked"}, "-D fault is about the local cloud"),
        ({"upgrade-command": "up"}, "-D upgrade-command is about a named cluster"),
        ({"kubeconfig": "FILE", "upgrade-command": "up"}, "-D upgrade-command needs -D upgrade-versions"),
        ({"kubeconfig": "FILE", "upgrade-nodes": "kept"}, "-D upgrade-nodes=kept: the only value is 'replaced'"),
        (
            {"kubeconfig": "FILE", "upgrade-versions": "v1.36,v1.37", "upgrade-nodes": "replaced"},
            "-D upgrade-nodes is about what -D upgrade-command does",
        ),
        (
            {"kubeconfig": "FILE", "upgrade-command": "up", "upgrade-versions": "v1.37"},
            "-D upgrade-versions=v1.37: give two versions",
        ),
        (
            {"kubeconfig": "FILE", "upgrade-command": "up 'x", "upgrade-versions": "v1.36,v1.37"},
            "-D upgrade-command=up 'x: No closing quotation",
        ),
        ({"kubeconfig": "FILE", "ccm-upgrade": "/bin/true"}, "-D ccm-upgrade is about the local cloud"),
        ({"deviations": "pass"}, "-D deviations=pass: the only value is 'fail'"),
        ({"timeouts": "fast"}, "-D timeouts=fast: give a factor from 0.1 to 100"),
        ({"timeouts": "0.01"}, "-D timeouts=0.01: give a factor"),
        ({"nodes": "none"}, "-D nodes=none: give a whole number, at least 1"),
        ({"nodes": "0"}, "-D nodes=0: give a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(kubeconfig: Path, words: dict[str, str], message: str) -> None:
    given = {key: value.replace("FILE", str(kubeconfig)) for key, value in words.items()}
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        Options.parse(given)
    assert "\n" not in str(caught.value)
