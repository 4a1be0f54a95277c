"""What an HTTP client raises. Clients that quack like httpx have its names for their errors, and classes of their own."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Final

import attrs
import httpx

Kinds = tuple[type[Exception], ...]

_LACKING: Final = {
    errno.EMFILE: "no file descriptor is free in this process (see `ulimit -n`)",
    errno.ENFILE: "no file descriptor is free on this machine",
    errno.ENOBUFS: "this machine has no buffers for another connection",
    errno.ENOMEM: "this machine has no memory for another connection",
}
"""What this side can lack to make a connection. Not EADDRNOTAVAIL: where there is no IPv6, every address of that kind is answered so."""


@attrs.frozen(kw_only=True)
class HttpErrors:
    """The classes of a client's errors, by what they mean. Those of httpx are always among them: whatever quacks may wrap it."""

    timeouts: Kinds
    """Nothing came, or went, in time."""

    failures: Kinds
    """Everything else that can go wrong on the way, and with a body."""

    unsent: Kinds
    """Of both, those before anything went out."""

    unreachable: Kinds
    """Of those, the ones that say that nothing answers there."""

    unusable: Kinds
    """The address cannot be used."""

    def reason(self, exc: Exception) -> str:
        """What became of a connection, in words."""
        if (lacking := shortage(exc)) is not None:
            return f"no connection could be made here: {lacking}"
        if isinstance(exc, self.unreachable):
            return "nothing answers there (connection refused or unknown host)"
        return f"the connection broke ({type(exc).__name__})"


def errors_of(http: Any = None) -> HttpErrors:
    """The errors of a client of whatever library; without one, of httpx."""
    libraries = {"httpx": httpx, **{library.__name__: library for library in _libraries(http)}}

    def named(*names: str) -> Kinds:
        found = [getattr(library, name, None) for library in libraries.values() for name in names]
        return tuple(kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception))

    return HttpErrors(
        timeouts=named("TimeoutException"),
        failures=named("RequestError", "StreamError"),
        unsent=named("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"),
        unreachable=named("ConnectError"),
        unusable=named("InvalidURL", "UnsupportedProtocol"),
    )


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


def _libraries(http: Any) -> Iterator[ModuleType]:
    """The libraries that the client's class and its bases come from, if they have errors by these names."""
    for cls in type(http).__mro__:
        library = sys.modules.get(cls.__module__.partition(".")[0])
        if library is not None and hasattr(library, "RequestError") and hasattr(library, "TimeoutException"):
            yield library
