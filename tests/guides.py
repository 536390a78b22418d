"""The commands of a guide, as its readers copy them."""

from __future__ import annotations

import re

from tests.installed import CHECKOUT


def commands(guide: str) -> list[str]:
    """All of a file's, in their order, without what is said behind them.

    Args:
        guide: its path in the checkout.
    """
    blocks = re.findall(r"```console\n(.*?)```", (CHECKOUT / guide).read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+# .*", "", line.removeprefix("$ ")) for line in lines]
