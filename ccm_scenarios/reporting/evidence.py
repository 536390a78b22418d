"""What was seen when a scenario failed: one folder of text files for each, redacted and capped.

How it reaches the reports: `Reports.add_evidence` writes the folder, embeds a shorter form of each file in
the Cucumber JSON on the step that failed, and names the folder in the JUnit file. Call it from after_step, as
near to the failure as can be.

behave's own `context.attach(mime_type, data)` works too, for one piece from within a step (a plot, a
timeline). It is no way for a hook: behave 1.3.3 hands it to every formatter, and behave's json formatter
counts the running step there, which outside of a step is the wrong one or raises IndexError.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.reporting.redact import Redactor

FILE_LIMIT = 256 * 1024
"""Characters of one file."""

EMBEDDED_LIMIT = 32 * 1024
"""Characters of one file as embedded in the Cucumber JSON, which readers load whole."""

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class EvidenceStore:
    """Writes to `directory`, one folder per scenario."""

    directory: Path
    redactor: Redactor

    def write(self, scenario_id: str, files: Mapping[str, str]) -> Path:
        """Write the files and return their folder.

        Args:
            scenario_id: names the folder; characters that do not belong in file names become dashes. A second
                write under the
                same id gets a folder of its own (`…-2`).
            files: name to content; a name without a suffix gets `.txt`.

        Raises:
            EnvironmentProblem: the disk or the rights do not allow it.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            folder = self._new_folder(_safe(scenario_id))
            written: set[str] = set()
            for name, content in files.items():
                safe = Path(_safe(name))
                unused = _unused(safe.stem, {Path(each).stem for each in written}) + (safe.suffix or ".txt")
                written.add(unused)
                text = capped(self.redactor.redact(content), FILE_LIMIT)
                (folder / unused).write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise EnvironmentProblem(f"cannot write evidence to {self.directory}: {error.strerror}") from error
        return folder

    def _new_folder(self, name: str) -> Path:
        while True:
            folder = self.directory / _unused(name, {entry.name for entry in self.directory.iterdir()})
            # Another worker may take the name at the same moment.
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder


def capped(text: str, limit: int) -> str:
    """The text, or its beginning and end with a note of what was cut.

    Call it after redaction, which needs whole values.
    """
    if len(text) <= limit:
        return text
    head, tail = limit // 4, limit - limit // 4  # logs and tracebacks say most at their end
    return f"{text[:head]}\n[… {len(text) - limit} characters cut …]\n{text[-tail:]}"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=@+-]+", "-", name).strip("-.")[:_LONGEST_NAME] or "unnamed"


def _unused(name: str, taken: Iterable[str]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}-{count}"
    return candidate
