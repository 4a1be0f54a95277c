"""What goes to stdout, as it comes."""

from __future__ import annotations

import sys


def write(text: str) -> None:
    """Write the text now; a reader at the other end of a pipe does not wait for the rest.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    sys.stdout.write(text)
    sys.stdout.flush()
