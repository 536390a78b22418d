"""`python -m ccm_scenarios.localcloud.binaries [component…]`: build what the cache lacks, say where all is."""

from __future__ import annotations

import sys

from ccm_scenarios.errors import CcmScenariosError
from ccm_scenarios.localcloud.binaries import ConsoleProgress, prepare


def main() -> int:
    """Exit code: 0 when all is ready, 2 with one message when it cannot be, 130 after Ctrl-C."""
    try:
        binaries = prepare(progress=ConsoleProgress(), components=sys.argv[1:] or None)
        for name, directory in binaries.locations.items():
            sys.stdout.write(f"{name} {binaries.version(name)} {directory}\n")
    except CcmScenariosError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
