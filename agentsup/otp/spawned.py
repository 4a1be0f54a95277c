"""Tasks that belong to one incarnation of an actor.

They run beside the actor in the runtime's flat nursery, each in a scope of its own, and end with it: an exception that escapes one crashes the
actor, the end of the actor cancels them and waits for them. An actor that spawns nothing pays nothing - a real nursery per actor would cost more
memory than all the rest of it (3.9 against 6.6 kilobytes per idle actor were measured).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

from agentsup.otp.reasons import Crashed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentsup.otp.cell import Cell


@attrs.define(eq=False, repr=False)
class Spawned:
    """A task of an actor, as `Actor.spawn` returns it."""

    _cell: Cell
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    is_done: bool = False
    """Whether it has ended, in whatever way."""

    def cancel(self) -> None:
        """Cancel it; it is no crash. Harmless when it is over."""
        self._scope.cancel(reason="cancelled by its actor")

    async def run(self, async_fn: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        """The task itself."""
        try:
            with self._scope:
                await async_fn(*args)
        except BaseException as error:  # noqa: BLE001  (the supervision border: what escapes is the actor's crash)
            self._escaped(error)
        finally:
            self.is_done = True
            self._cell.lost_spawned(self)
            self._cell.runtime.reaper.forget(self)

    def _escaped(self, error: BaseException) -> None:
        if isinstance(error, trio.Cancelled):
            raise error
        if isinstance(error, BaseExceptionGroup):
            cancelled, rest = error.split(trio.Cancelled)
            if cancelled is not None:
                raise cancelled
            assert rest is not None
        cell = self._cell
        cell.runtime.note_fatal(error)
        if cell.asked is not None or cell.doom is not None or cell.reason is not None:
            cell.cleanup_error = cell.cleanup_error or error
        else:
            cell.interrupt(Crashed(error))

    def __repr__(self) -> str:
        return f"<Spawned of {self._cell.ref!r}, {'done' if self.is_done else 'running'}>"
