"""Opening a tree: `async with open_runtime(...)`, or a supervisor in a nursery of the user's own."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from agentsup.errors import Problem, SpecError
from agentsup.otp.block import Block
from agentsup.otp.childspec import ChildSpec, check_childspecs
from agentsup.otp.flags import SupFlags, is_seconds
from agentsup.otp.runtime import Runtime
from agentsup.otp.supervisor import Supervisor
from agentsup.otp.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterable

    import trio

    from agentsup.otp.overseer import Overseer
    from agentsup.otp.refs import Ref


class open_runtime(Block):  # noqa: N801  (used like a function, as trio.open_nursery is)
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
        flags, specs, stop_on = SupFlags() if flags is None else flags, tuple(specs), tuple(stop_on)
        problems = [*wrong_times(shutdown_deadline, kill_grace, watchdog), *_wrong_root(flags, specs)]
        if problems:
            raise SpecError(problems)
        super().__init__(
            lambda: Runtime(
                lambda: Supervisor(flags, specs),
                shutdown_deadline,
                kill_grace,
                progress_reports,
                random.Random(seed),  # noqa: S311  (spreads restarts; nothing is kept secret by it)
                stop_on,
                None if watchdog is None else Watchdog(watchdog),
            )
        )


def wrong_times(shutdown_deadline: float, kill_grace: float, watchdog: float | None = None) -> Iterable[Problem]:
    """What is wrong about the times of a runtime."""
    for name, value in (("shutdown_deadline", shutdown_deadline), ("kill_grace", kill_grace)):
        if not is_seconds(value):
            yield Problem(name, f"{value!r} is no duration; seconds of at least 0")
    if watchdog is not None and (not is_seconds(watchdog) or watchdog == 0):
        yield Problem("watchdog", f"{watchdog!r} is no span; seconds above 0, or None")


def _wrong_root(flags: SupFlags, specs: tuple[ChildSpec, ...]) -> Iterable[Problem]:
    is_flags = isinstance(flags, SupFlags)
    if not is_flags:
        yield Problem("flags", f"a {type(flags).__name__} is no SupFlags")
    try:
        check_childspecs(specs, flags if is_flags else None)
    except SpecError as error:
        yield from error.problems


async def host(sup: Overseer, shutdown_deadline: float, kill_grace: float, task_status: trio.TaskStatus[Ref]) -> None:
    """Run a supervisor in the calling task, as the root of a runtime of its own; `Overseer.run` says the rest."""
    problems = list(wrong_times(shutdown_deadline, kill_grace))
    if problems:
        raise SpecError(problems)
    jitter = random.Random()  # noqa: S311  (spreads restarts; nothing is kept secret by it)
    async with Block(lambda: Runtime(lambda: sup, shutdown_deadline, kill_grace, False, jitter)) as runtime:  # noqa: FBT003  (no progress reports)
        task_status.started(runtime.root)
        await runtime.run_forever()
