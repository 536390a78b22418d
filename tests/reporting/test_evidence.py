"""Evidence is redacted, of bearable size, and stays in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.reporting.evidence import FILE_LIMIT, EvidenceStore
from ccm_scenarios.reporting.redact import Redactor


def test_files_are_written_redacted(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence", Redactor(["swordfish"]))
    folder = store.write("lb-provisioned", {"events": "pulled with swordfish", "service.json": '{"ü": 1}'})
    assert folder == tmp_path / "evidence" / "lb-provisioned"
    assert (folder / "events.txt").read_text("utf-8") == "pulled with [redacted]"
    assert (folder / "service.json").read_text("utf-8") == '{"ü": 1}'


def test_a_long_file_keeps_its_beginning_and_more_of_its_end(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, Redactor(["swordfish"]))
    # A secret across the cut must not survive in halves.
    lines = "first\n" + "swordfish\n" * FILE_LIMIT + "last\n"
    text = (store.write("x", {"log": lines}) / "log.txt").read_text()
    assert text.startswith("first\n") and text.endswith("last\n")
    assert "characters cut" in text and "sword" not in text and "fish" not in text
    assert FILE_LIMIT <= len(text) < FILE_LIMIT + 100


def test_names_cannot_leave_the_folder_or_overwrite_one_another(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence", Redactor())
    folder = store.write("../../etc/passwd", {"../a": "1", "/a": "2", "a.txt": "3", "": "4", "a/b" * 200: "5"})
    assert folder.parent == tmp_path / "evidence"
    assert sorted(path.read_text() for path in folder.iterdir()) == ["1", "2", "3", "4", "5"]
    assert [path.name for path in tmp_path.iterdir()] == ["evidence"]


def test_a_second_write_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, Redactor())
    assert [store.write("x", {"a": "1"}).name for _ in range(3)] == ["x", "x-2", "x-3"]


def test_text_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    folder = EvidenceStore(tmp_path, Redactor()).write("x", {"a": "broken \udcff byte"})
    assert (folder / "a.txt").read_text("utf-8") == "broken ? byte"


def test_what_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file is in the way")
    with pytest.raises(EnvironmentProblem, match="cannot write evidence to"):
        EvidenceStore(tmp_path / "evidence", Redactor()).write("x", {"a": "1"})
