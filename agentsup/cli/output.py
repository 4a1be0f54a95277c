"""What goes to stdout, as it comes."""

from __future__ import annotations

import sys


class NoReader(Exception):
    """Nobody reads the output any more. Not the BrokenPipeError it comes from: click would end the process for that one itself."""


def write(text: str) -> None:
    """Write the text now; a reader at the other end of a pipe does not wait for the rest.

    Raises:
        NoReader: there is none.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as exc:
        raise NoReader("nobody reads the output any more") from exc
