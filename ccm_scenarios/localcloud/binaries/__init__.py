"""The programs a local cloud is made of, pinned by one go.mod for each component.

`prepare()` builds what the user's cache lacks; `CCM_SCENARIOS_BINARIES=DIR` uses prebuilt ones instead.
From a shell: `python -m ccm_scenarios.localcloud.binaries`.
"""

from ccm_scenarios.localcloud.binaries.catalogue import for_ccm
from ccm_scenarios.localcloud.binaries.prepared import Binaries, prepare
from ccm_scenarios.localcloud.binaries.progress import ConsoleProgress, Progress

__all__ = ["Binaries", "ConsoleProgress", "Progress", "for_ccm", "prepare"]
