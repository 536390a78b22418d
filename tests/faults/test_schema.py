"""A fault's file means what it says, or is refused in one line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import providers
from ccm_scenarios.catalogue import behaviours, declared_by, entries, why_not_judged
from ccm_scenarios.errors import UsageError
from ccm_scenarios.faults import Boundary, catalogue, load, parse, parse_rules
from ccm_scenarios.targets import OFFERED_BY_LOCAL_CLOUD

ROOT = Path(__file__).parents[2]
BEHAVIOURS = set(entries())

WHOLE = """
title = "Everything a file can say"
since = "boot"
flavours = ["nlb"]
survivors = ["lb-leaked"]

[kills]
lb-provisioned = "an ingress address"

[[rules]]
boundary = "cloud-api"
match = { action = "Create.*", parameters = { "Listeners.member.*.Port" = "8[01]" } }
effect = "refuse"
status = 400
code = "InvalidParameter"
times = 2

[[rules]]
boundary = "kubernetes-api"
match = { method = "PATCH", path = "/api/v1/nodes/.*", body = "providerID" }
starts = "instance-rebooted"
effect = "rewrite"
request = { remove = ["spec.taints[key=a.b/c]"], set = { "metadata.labels[\\"a.b/c\\"]" = "x" } }
answer = { replace = [["a", "b"]] }

[[rules]]
boundary = "ccm-process"
match = { at = "kubernetes-api", method = "PUT" }
effect = "crash"
moment = "after"

[[rules]]
boundary = "data-plane"
match = { node = "ip-.*", protocol = "udp", port = 53 }
effect = "lose"
percent = 12.5
"""


def test_all_that_a_file_can_say() -> None:
    fault = parse(tomllib.loads(WHOLE), name="whole", where="whole.toml")
    assert (fault.name, fault.since, fault.flavours) == ("whole", "boot", ("nlb",))
    assert fault.kills == {"lb-provisioned": "an ingress address"}
    refuse, rewrite, crash, lose = fault.rules
    assert (refuse.boundary, refuse.status, refuse.code, refuse.times) == (
        Boundary.CLOUD_API,
        400,
        "InvalidParameter",
        2,
    )
    assert refuse.match.parameters == {"Listeners.member.*.Port": "8[01]"}
    assert rewrite.starts == "instance-rebooted"
    assert rewrite.request.remove == ("spec.taints[key=a.b/c]",)
    assert rewrite.answer.replace == (("a", "b"),)
    assert (crash.match.at, crash.moment) == (Boundary.KUBERNETES_API, "after")
    assert (lose.match.port, lose.percent) == (53, 12.5)
    assert parse_rules(fault.source, where="again") == fault.rules, "an injector reads the same from the same data"


def rule(**keys: Any) -> dict[str, Any]:
    return {"title": "x", "rules": [{"boundary": "cloud-api", "effect": "drop", **keys}]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"rules": []}, "title: it is missing"),
        ({"title": "x"}, "rules: it is missing"),
        ({"title": "x", "rules": []}, "rules: a fault has at least one"),
        ({"title": " ", "rules": [{}]}, "title: give a text"),
        ({**rule(), "titel": "x"}, "titel: unknown; did you mean 'title'? a fault has: title, since"),
        ({**rule(), "since": "now"}, "since: 'now' is none of boot, ready"),
        ({**rule(), "kills": {"a": "("}}, "kills: '(' is no regular expression"),
        ({**rule(), "kills": {"a": "b"}, "survivors": ["a"]}, "survivors: a is in kills as well"),
        ({"title": "x", "rules": [{"effect": "drop"}]}, "rules[0].boundary: it is missing"),
        (rule(boundary="cloud"), "rules[0].boundary: 'cloud' is none of cloud-api, kubernetes-api"),
        (rule(effect="drp"), "rules[0].effect: 'drp' is none of drop, hang-up"),
        (rule(effect="delay"), "rules[0].seconds: it is missing"),
        (rule(effect="delay", seconds=-1), "rules[0].seconds: give a number from 0 to 86400"),
        (rule(effect="delay", seconds=True), "rules[0].seconds: give a number"),
        (rule(seconds=1), "rules[0].seconds: unknown; cloud-api drop has: boundary, effect, match"),
        (rule(times=0), "rules[0].times: give a whole number from 1"),
        (rule(times=1, times_each=1), "rules[0].times_each: it stands in place of times"),
        (rule(match={"changes": "x"}), "rules[0].match.changes: give true or false"),
        (rule(match={"node": "x"}), "rules[0].match.node: unknown; match of cloud-api drop has: method, path"),
        (rule(match={"action": "("}), "rules[0].match.action: '(' is no regular expression"),
        (rule(match="x"), "rules[0].match: give a table"),
        (rule(effect="rewrite"), "rules[0].request: a rewrite changes the request, the answer, or both"),
        (rule(effect="rewrite", request={"remove": ["a..b"]}), "rules[0].request.remove: 'a..b' is no path"),
        (rule(effect="rewrite", request={"replace": ["a"]}), "rules[0].request.replace: give pairs"),
        (rule(boundary="ccm-process", effect="crash"), "rules[0].match: it is missing"),
        (rule(boundary="ccm-process", effect="crash", match={}), "rules[0].match.at: it is missing"),
        (rule(boundary="ccm-process", effect="crash", match={"at": "data-plane"}), "rules[0].match.at: 'data-plane'"),
        (rule(boundary="data-plane", effect="lose", times=1), "rules[0].times: unknown"),
        (rule(boundary="data-plane", effect="hide-client", match={"node": "x"}), "rules[0].match.node: unknown"),
        (rule(boundary="data-plane", effect="lose", match={"port": 0}), "rules[0].match.port: give a whole number"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"mine.toml: {message}")) as caught:
        parse(data, name="mine", where="mine.toml")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("title = ")
    with pytest.raises(UsageError, match=r"broken\.toml: no TOML: "):
        load(str(file))


class TestCatalogue:
    """What comes with the suite."""

    def test_every_behaviour_that_is_judged_is_killed_by_some_fault(self) -> None:
        declared = declared_by(map(providers.find, providers.names()), OFFERED_BY_LOCAL_CLOUD)
        judged = [
            behaviour
            for behaviour in behaviours(ROOT / "features", providers.names())
            if not all(why_not_judged(behaviour, where, one) for where, one in declared.items())
        ]
        killed = {behaviour for fault in catalogue() for behaviour in fault.kills}
        assert killed <= {behaviour.id for behaviour in judged}, "nobody can see these killed"
        # Where no controller takes part, none can be broken.
        assert killed >= {behaviour.id for behaviour in judged if "service-api" not in behaviour.marks}

    def test_faults_name_behaviours_that_exist_and_have_controls(self) -> None:
        for fault in catalogue():
            assert fault.kills, fault.name
            assert set(fault.survivors) <= BEHAVIOURS, fault.name
        # Where nothing works any more, there is no control.
        assert {fault.name for fault in catalogue() if not fault.survivors} == {"ccm-stalled"}

    def test_a_title_is_one_sentence(self) -> None:
        for fault in catalogue():
            assert not fault.title.endswith(".") and "\n" not in fault.title, fault.name
