"""Bodies are changed where the edit says, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ccm_scenarios.faults import Edit
from ccm_scenarios.faults.edits import FORM, apply, check_path

NODE = {
    "metadata": {"labels": {"a.b/c": "1", "d": "2"}},
    "spec": {"taints": [{"key": "x.io/a"}, {"key": "x.io/b"}, {"key": "x.io/a"}]},
}


def edited(edit: Edit, data: Any = NODE) -> Any:
    return json.loads(apply(edit, json.dumps(data), "application/strategic-merge-patch+json"))


def test_items_of_a_list_are_removed_by_what_they_have() -> None:
    assert edited(Edit(remove=("spec.taints[key=x.io/a]",)))["spec"] == {"taints": [{"key": "x.io/b"}]}


def test_fields_are_removed_and_set_by_path() -> None:
    data = edited(Edit(remove=("metadata.labels.d",), set={'metadata.labels["a.b/c"]': 3, "spec.new": {"x": 1}}))
    assert data["metadata"] == {"labels": {"a.b/c": 3}}
    assert data["spec"]["new"] == {"x": 1}


def test_an_item_is_added_to_a_list_that_need_not_exist() -> None:
    assert edited(Edit(add={"spec.taints": {"key": "new"}}))["spec"]["taints"][3] == {"key": "new"}
    assert edited(Edit(add={"spec.taints": {"key": "new"}}), {"spec": {}}) == {"spec": {"taints": [{"key": "new"}]}}


def test_what_leads_nowhere_changes_nothing() -> None:
    edit = Edit(remove=("status.addresses[type=x]", "spec.taints.key", "gone"), set={"no.such.place": 1})
    assert edited(edit) == NODE


def test_text_is_replaced_before_the_rest_whatever_the_type() -> None:
    assert apply(Edit(replace=((r"<(\w+)>stopped<", r"<\1>gone<"),)), "<name>stopped</name>", "text/xml") == (
        "<name>gone</name>"
    )


def test_parameters_of_a_form_are_set_and_removed_by_name() -> None:
    body = "Action=Create&Listeners.member.1.Port=80&Listeners.member.2.Port=81&Name=a%2Fb"
    edit = Edit(remove=("Listeners.member.2.*",), set={"Listeners.member.*.Port": 8080})
    assert apply(edit, body, FORM) == "Action=Create&Listeners.member.1.Port=8080&Name=a%2Fb"


def test_a_body_that_is_no_json_stays_as_it_is() -> None:
    assert apply(Edit(remove=("a",)), "k8s\0\1", "application/vnd.kubernetes.protobuf") == "k8s\0\1"


@pytest.mark.parametrize("path", ["a..b", "a[b", "a]", 'a["b', ""])
def test_what_is_no_path_is_refused(path: str) -> None:
    if path:
        with pytest.raises(ValueError, match="is no path"):
            check_path(path)
    else:
        assert check_path(path) == ""
