"""The `-D key=value` words of a run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from ccm_scenarios.contract import ProviderFactory
from ccm_scenarios.errors import UsageError
from ccm_scenarios.faults import Fault, load

KEYS = {
    "provider": "an adapter that is registered nowhere: package.module:Factory",
    "flavour": "which kind of load balancers is judged",
    "kubeconfig": "an existing cluster to test, instead of the local cloud",
    "context": "context of that kubeconfig; its current one by default",
    "shard": "I/N: run the I-th of N parts of what is selected; `ccm-scenarios report merge` joins their reports",
    "cluster": "what the named cluster is called in its cloud, as in the tags of its instances and routes",
    "node-template": "KEY=VALUE,...: how an instance is launched that joins the named cluster, in its adapter's keys",
    "disruptive": "allow: also launch, stop, reboot and delete instances of the named cluster",
    "localcloud": "name of the local cloud; default",
    "nodes": "how many nodes the local cloud starts with",
    "ccm": "path of the cloud controller manager that the local cloud runs",
    "ccm-upgrade": "path of another build of it, which takes over where an upgrade is judged; the same by default",
    "realistic": "true: the local cloud has production's periods instead of quick ones",
    "fault": "what is broken around the local cloud's controller: a name of the catalogue, or a file.toml",
    "upgrade-versions": "OLD,NEW: the versions between which the named cluster is taken, which has NEW",
    "upgrade-command": "what does so, run with `control-plane` or `nodes`, and a version; the cloud itself by default",
    "upgrade-nodes": "replaced: that command has other instances take the places of Nodes, instead of changing them",
    "deviations": "fail: behaviours that the controller is known not to show fail as any others",
    "timeouts": "factor for all upper bounds",
}
OF_NAMED_CLUSTER = (
    "context",
    "cluster",
    "node-template",
    "disruptive",
    "upgrade-versions",
    "upgrade-command",
    "upgrade-nodes",
)
OF_LOCAL_CLOUD = ("localcloud", "nodes", "ccm", "ccm-upgrade", "realistic", "fault")
BEHAVES_OWN = "behave."
"""Prefix of the words behave's own reporters and formatters read."""

DEFAULT_LOCAL_CLOUD = "default"
DEFAULT_NODES = 3
FACTORS = (0.1, 100.0)
"""Smallest and largest factor for upper bounds: below, nothing could pass; above, nobody would see it fail."""


_VERSION = re.compile(r"v\d+\.\d+(\.\d+\S*)?")


@dataclass(frozen=True, slots=True)
class Upgrades:
    """How a named cluster is taken from one version of Kubernetes to another."""

    command: tuple[str, ...]
    """Program and arguments; further ones say what changes, and to which version. Empty: its cloud does it."""
    older: str
    newer: str
    in_place: bool = True
    """Whether the command changes Nodes where they are."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the run was asked for; None where nothing was said."""

    provider: str | None = None
    flavour: str | None = None
    kubeconfig: Path | None = None
    """A named cluster; None means the local cloud."""
    context: str | None = None
    cluster: str | None = None
    """The named cluster's identity in its cloud."""
    node_template: Mapping[str, str] = field(default_factory=dict)
    """How an instance is launched that joins the named cluster; as `Endpoint.node_template`."""
    shard: tuple[int, int] = (1, 1)
    """Which part, from 1, of how many."""
    disruptive: bool = False
    localcloud: str = DEFAULT_LOCAL_CLOUD
    nodes: int | None = None
    ccm: Path | None = None
    ccm_upgrade: Path | None = None
    upgrades: Upgrades | None = None
    """How a named cluster gets other versions of Kubernetes."""
    realistic: bool = False
    """The local cloud with production's periods."""
    fault: Fault | None = None
    deviations_fail: bool = False
    """Whether a known deviation is no excuse."""
    timeouts: float = 1.0
    """What every upper bound is multiplied with."""

    def flavour_of(self, factory: ProviderFactory) -> str:
        """The flavour to judge: the adapter's first if none was asked for.

        Raises:
            UsageError: it has none like that.
        """
        flavour = self.flavour or factory.flavours[0]
        if flavour not in factory.flavours:
            raise UsageError(f"{factory.name} has no flavour {flavour!r}; it has: {', '.join(factory.flavours)}")
        return flavour

    @classmethod
    def parse(cls, words: Mapping[str, str]) -> Options:
        """Read and check `-D` words; touches nothing but the files they name.

        Raises:
            UsageError: a key is unknown, a value makes no sense, or two keys contradict each other.
        """
        given = {key: value for key, value in words.items() if not key.startswith(BEHAVES_OWN)}
        for key, value in given.items():
            if key not in KEYS:
                nearest = get_close_matches(key, KEYS, n=1)
                hint = f"did you mean {nearest[0]!r}? " if nearest else ""
                raise UsageError(f"unknown key -D {key}; {hint}known: {', '.join(KEYS)}")
            if not value:
                raise UsageError(f"-D {key} has no value; give {KEYS[key]}")
        if "kubeconfig" in given:
            _refuse(given, OF_LOCAL_CLOUD, "is about the local cloud, but -D kubeconfig names a cluster")
        else:
            _refuse(given, OF_NAMED_CLUSTER, "is about a named cluster; name it with -D kubeconfig=FILE")
        return cls(
            provider=given.get("provider"),
            flavour=given.get("flavour"),
            kubeconfig=_file(given, "kubeconfig"),
            context=given.get("context"),
            cluster=given.get("cluster"),
            node_template=_node_template(given),
            shard=_shard(given),
            disruptive=_allowed(given),
            localcloud=given.get("localcloud", DEFAULT_LOCAL_CLOUD),
            nodes=_nodes(given),
            ccm=_executable(given, "ccm"),
            ccm_upgrade=_executable(given, "ccm-upgrade"),
            upgrades=_upgrades(given),
            realistic=_realistic(given),
            fault=load(given["fault"]) if "fault" in given else None,
            deviations_fail=_deviations_fail(given),
            timeouts=_factor(given),
        )


def _refuse(given: Mapping[str, str], keys: tuple[str, ...], why: str) -> None:
    for key in keys:
        if key in given:
            raise UsageError(f"-D {key} {why}")


def _file(given: Mapping[str, str], key: str) -> Path | None:
    if key not in given:
        return None
    path = Path(given[key]).expanduser()
    if not path.is_file():
        raise UsageError(f"-D {key}={given[key]}: there is no such file")
    return path.resolve()


def _executable(given: Mapping[str, str], key: str) -> Path | None:
    path = _file(given, key)
    if path is not None and not os.access(path, os.X_OK):
        raise UsageError(f"-D {key}={given[key]}: the file is not executable")
    return path


def _upgrades(given: Mapping[str, str]) -> Upgrades | None:
    command, versions = given.get("upgrade-command"), given.get("upgrade-versions")
    nodes = given.get("upgrade-nodes")
    if nodes not in (None, "replaced"):
        raise UsageError(f"-D upgrade-nodes={nodes}: the only value is 'replaced'")
    if nodes is not None and command is None:
        raise UsageError("-D upgrade-nodes is about what -D upgrade-command does")
    if versions is None:
        if command is not None:
            raise UsageError("-D upgrade-command needs -D upgrade-versions")
        return None
    older, _, newer = versions.partition(",")
    if not (_VERSION.fullmatch(older) and _VERSION.fullmatch(newer)):
        raise UsageError(f"-D upgrade-versions={versions}: give two versions, for instance v1.36.3,v1.37.2")
    try:
        words = tuple(shlex.split(command or ""))
    except ValueError as error:
        raise UsageError(f"-D upgrade-command={command}: {error}") from None
    return Upgrades(words, older, newer, in_place=nodes is None)


def _node_template(given: Mapping[str, str]) -> Mapping[str, str]:
    template: dict[str, str] = {}
    for word in filter(None, given.get("node-template", "").split(",")):
        key, _, value = word.partition("=")
        if not key or not value or key in template:
            raise UsageError(f"-D node-template={given['node-template']}: give KEY=VALUE,... with each key once")
        template[key] = value
    return template


def _allowed(given: Mapping[str, str]) -> bool:
    if given.get("disruptive", "allow") != "allow":
        raise UsageError(f"-D disruptive={given['disruptive']}: the only value is 'allow'")
    return "disruptive" in given


def _realistic(given: Mapping[str, str]) -> bool:
    if given.get("realistic", "true") != "true":
        raise UsageError(f"-D realistic={given['realistic']}: the only value is 'true', or none")
    return "realistic" in given


def _deviations_fail(given: Mapping[str, str]) -> bool:
    if given.get("deviations", "fail") != "fail":
        raise UsageError(f"-D deviations={given['deviations']}: the only value is 'fail'")
    return "deviations" in given


def _shard(given: Mapping[str, str]) -> tuple[int, int]:
    text = given.get("shard", "1/1")
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UsageError(f"-D shard={text}: give I/N with I from 1 to N, for instance 2/3")
    return int(part), int(parts)


def _nodes(given: Mapping[str, str]) -> int | None:
    if "nodes" not in given:
        return None
    if not given["nodes"].isdecimal() or int(given["nodes"]) < 1:
        raise UsageError(f"-D nodes={given['nodes']}: give a whole number, at least 1")
    return int(given["nodes"])


def _factor(given: Mapping[str, str]) -> float:
    text = given.get("timeouts", "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    low, high = FACTORS
    if not low <= factor <= high:
        raise UsageError(f"-D timeouts={text}: give a factor from {low:g} to {high:g}")
    return factor
