"""The block around a tree: `async with open_runtime(...)`, and every way of leaving it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import trio

from agentsup.errors import Problem, SpecError
from agentsup.otp.childspec import ChildSpec, check_childspecs
from agentsup.otp.current import current_var, open_ones
from agentsup.otp.flags import SupFlags, is_seconds
from agentsup.otp.runtime import Runtime
from agentsup.otp.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType


class open_runtime:  # noqa: N801  (used like a function, as trio.open_nursery is)
    """Open a supervision tree: `async with otp.open_runtime(flags, specs) as rt`.

    The block is entered when every child's `init` is done. Leaving it, however that comes - the end of the body, an exception in it, a cancellation
    from outside, Ctrl-C - stops the tree in order: children in reverse start order, each with its own time, all within `shutdown_deadline` seconds;
    leaving is therefore delayed by at most that. The body's exception is raised again, unwrapped. A second Ctrl-C cuts the wait short.

    If the root supervisor ends by itself the body is cancelled: with `RestartLimitExceeded` if it gave up, without an error after an auto_shutdown. A
    SystemExit or KeyboardInterrupt in a process stops everything in order and leaves the block bare.

    Args:
        flags: of the root supervisor.
        specs: its children.
        shutdown_deadline: seconds for the whole stop; what then still lives is cancelled all at once, and reported.
        kill_grace: seconds between killing a process and parking it as a zombie.
        progress_reports: whether every start of a child is logged, at info level.
        stop_on: signals, such as `signal.SIGTERM`, that leave the block as if its body had ended; none are touched unless asked for.
        watchdog: seconds after which a standing loop is reported, with the actor it stands in; None for no watchdog.
        seed: of the jitter in restart delays, for tests that want the same ones again.

    Raises:
        SpecError: flags or specs are wrong, every problem at once; nothing was started.
        StartError: a child could not be started; those before it are stopped again.
        RestartLimitExceeded: the root supervisor gave up.
        RootDied: somebody killed the root supervisor.
    """

    def __init__(
        self,
        flags: SupFlags | None = None,
        specs: Iterable[ChildSpec] = (),
        *,
        shutdown_deadline: float = 10.0,
        kill_grace: float = 5.0,
        progress_reports: bool = False,
        stop_on: Iterable[int] = (),
        watchdog: float | None = None,
        seed: int | None = None,
    ) -> None:
        self._flags = SupFlags() if flags is None else flags
        self._specs = tuple(specs)
        self._shutdown_deadline, self._kill_grace = shutdown_deadline, kill_grace
        self._progress_reports, self._stop_on = progress_reports, tuple(stop_on)
        self._watchdog, self._seed = watchdog, seed
        self._check()

    def _check(self) -> None:
        times = {"shutdown_deadline": self._shutdown_deadline, "kill_grace": self._kill_grace}
        problems = [
            Problem(name, f"{value!r} is no duration; seconds of at least 0")
            for name, value in times.items()
            if not is_seconds(value)
        ]
        if self._watchdog is not None and (not is_seconds(self._watchdog) or self._watchdog == 0):
            problems.append(Problem("watchdog", f"{self._watchdog!r} is no span; seconds above 0, or None"))
        if not isinstance(self._flags, SupFlags):
            problems.append(Problem("flags", f"a {type(self._flags).__name__} is no SupFlags"))
        try:
            check_childspecs(self._specs, self._flags if isinstance(self._flags, SupFlags) else None)
        except SpecError as error:
            problems.extend(error.problems)
        if problems:
            raise SpecError(problems)

    async def __aenter__(self) -> Runtime:
        jitter = random.Random(self._seed)  # noqa: S311  (spreads restarts; nothing is kept secret by it)
        self._runtime = runtime = Runtime(
            self._flags,
            self._specs,
            self._shutdown_deadline,
            self._kill_grace,
            self._progress_reports,
            jitter,
            self._stop_on,
            None if self._watchdog is None else Watchdog(self._watchdog),
        )
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
