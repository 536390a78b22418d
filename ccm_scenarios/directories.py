"""Where the suite keeps what outlives a run."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory(kind: str) -> Path:
    """`$XDG_CACHE_HOME/ccm-scenarios/<kind>`, by default under `~/.cache`; not created here."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is to be ignored: XDG Base Directory Specification.
    root = Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
    return root / "ccm-scenarios" / kind
