"""What holds for all tests."""

from __future__ import annotations

import signal

# A test run in the background inherits that SIGINT is ignored, and would hand it on to the programs it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
