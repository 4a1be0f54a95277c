"""Where the process begins and ends: almost nothing, so that a Ctrl-C finds somebody to take it however early or late it comes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

_INTERRUPTED: Final = 130
"""`Exit.INTERRUPTED`, which cannot be imported yet."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave the process with its exit status.

    Args:
        arguments: Instead of those of the process.
    """
    try:
        from agentsup.cli.command import perform
    except KeyboardInterrupt:
        os._exit(
            _INTERRUPTED
        )  # nothing is open yet; and sys.exit would become a death by SIGINT where the import was inside an eval
    status = perform(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt but the interpreter's own last steps
    sys.exit(status)
