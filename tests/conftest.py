"""What every test of this suite can rely on."""

from __future__ import annotations

import signal


def pytest_configure():
    """Ctrl-C works, here and in the processes that tests start: a shell that runs the suite in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
