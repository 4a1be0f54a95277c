"""The block around a tree: how it is entered, and every way of leaving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from agentsup.otp.current import current_var, open_ones

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agentsup.otp.runtime import Runtime


class Block:
    """`async with` around a runtime: entered when its root supervisor has started, left when the whole tree has ended in order.

    Args:
        make: makes the runtime, inside the trio run.
    """

    def __init__(self, make: Callable[[], Runtime]) -> None:
        self._make = make

    async def __aenter__(self) -> Runtime:
        self._runtime = runtime = self._make()
        self._outside = current_var.get()
        current_var.set(runtime)
        open_ones.set((*open_ones.get(), runtime))
        self._manager = trio.open_nursery()
        nursery = await self._manager.__aenter__()
        runtime.body.__enter__()
        try:
            # In a cancelled scope `start` would wait for its task to be cancelled, which is shielded against that.
            with trio.CancelScope(shield=True):
                await nursery.start(runtime.run)
            await runtime.start_root()
        except BaseException as error:
            swallowed = await self.__aexit__(type(error), error, error.__traceback__)
            if swallowed:
                raise RuntimeError("the runtime ended while it was being opened") from error
            raise
        return runtime

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        runtime, left = self._runtime, error
        try:
            if runtime.body.__exit__(kind, error, traceback):
                left = None  # nothing but our own cancellation of the body
        except BaseException as rest:  # noqa: BLE001  (what is left of a group without our cancellation; raised below)
            left = rest
        interrupted = await self._stop(runtime)
        current_var.set(self._outside)
        open_ones.set(tuple(each for each in open_ones.get() if each is not runtime))
        await self._manager.__aexit__(None, None, None)
        verdict = interrupted or runtime.fatal or (runtime.verdict() if left is None else None)
        if verdict is not None and verdict is not error:
            raise verdict
        if left is not None and left is not error:
            raise left
        return left is None and error is not None

    async def _stop(self, runtime: Runtime) -> KeyboardInterrupt | None:
        """Stop the tree in order; a Ctrl-C meanwhile cuts it short, and is what leaves the block."""
        try:
            await runtime.stop()
        except KeyboardInterrupt as again:
            runtime.cut()
            return again
        return None
