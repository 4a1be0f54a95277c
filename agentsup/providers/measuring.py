"""A request to a provider as telemetry: how long it took, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from agentsup import telemetry


@contextmanager
def measured(provider: str, method: str, operation: str) -> Iterator[Callable[[int], None]]:
    """Within: a request is made; call what this gives with the status of its answer."""
    if not telemetry.listening():
        yield _ignore
        return
    began = trio.current_time()
    status: list[int] = []
    error: str | None = None
    try:
        yield status.append
    except BaseException as exc:
        error = type(exc).__name__
        raise
    finally:
        metadata = {
            "provider": provider,
            "method": method,
            "operation": operation,
            "status": status[0] if status else None,
            "error": error,
        }
        telemetry.emit(telemetry.HTTP_STOPPED, {"duration_s": trio.current_time() - began}, metadata)


def _ignore(_: int) -> None:
    """Nobody measures."""
