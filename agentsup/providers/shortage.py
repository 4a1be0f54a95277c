"""When no connection can be made because something lacks here, and not over there."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from typing import Final

_LACKING: Final = {
    errno.EMFILE: "no file descriptor is free in this process (see `ulimit -n`)",
    errno.ENFILE: "no file descriptor is free on this machine",
    errno.ENOBUFS: "this machine has no buffers for another connection",
    errno.ENOMEM: "this machine has no memory for another connection",
}
"""What this side can lack to make a connection. Not EADDRNOTAVAIL: where there is no IPv6, every address of that kind is answered so."""


def shortage(exc: BaseException) -> str | None:
    """What this process, or its machine, lacked when that was raised; None where the fault is not on this side.

    Of several attempts, at several addresses, all must have failed by it: else somebody was asked, and said no.
    """
    if isinstance(exc, OSError) and exc.errno in _LACKING:
        return _LACKING[exc.errno]
    causes = _causes(exc)
    if len(causes) > 1:
        found = [shortage(cause) for cause in causes]
        return found[0] if all(found) else None
    for cause in causes:
        return shortage(cause)
    # A resolver opens files and sockets of its own, and calls it an unknown name if it cannot.
    return _shortage_now() if isinstance(exc, socket.gaierror) else None


def _causes(exc: BaseException) -> Sequence[BaseException]:
    """What it comes from: the exceptions in a group, or the one it was raised for. httpcore hides that one, and does not forget it."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.exceptions
    cause = exc.__cause__ or exc.__context__
    return () if cause is None else (cause,)


def _shortage_now() -> str | None:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as exc:
        return _LACKING.get(exc.errno or 0)
    return None
