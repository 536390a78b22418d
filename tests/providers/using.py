"""A plugin of pytest that writes down which rights were used in a session: into the file `$RIGHTS_USED`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ccm_scenarios.contract import rights


def pytest_sessionfinish() -> None:
    """Called by pytest at the end."""
    Path(os.environ["RIGHTS_USED"]).write_text(json.dumps(rights.take_used()))
