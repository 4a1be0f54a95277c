"""What an HTTP client raises. Clients that quack like httpx have its names for their errors, and classes of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import attrs
import httpx

from agentsup.providers.shortage import shortage

Kinds = tuple[type[Exception], ...]


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


def _libraries(http: Any) -> Iterator[ModuleType]:
    """The libraries that the client's class and its bases come from, if they have errors by these names."""
    for cls in type(http).__mro__:
        library = sys.modules.get(cls.__module__.partition(".")[0])
        if library is not None and hasattr(library, "RequestError") and hasattr(library, "TimeoutException"):
            yield library
