"""The runtime: a bare supervision tree in an `async with` block.

All processes run side by side in one flat nursery, in a task of its own and under a shield, so that a cancellation from outside does not hit them all at
once in no order. The body of the block runs outside the shield: a cancelled, failing or finished body is what turns into the ordered stop of the tree,
within `shutdown_deadline`; only then is the shield dropped. The body's exception goes on its way unwrapped.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import math
import random
import signal
from typing import TYPE_CHECKING

import attrs
import trio
from trio.lowlevel import enable_ki_protection

from agentsup.errors import AgentsupError
from agentsup.otp import reports
from agentsup.otp.calls import cast
from agentsup.otp.cell import CELLS, Cell
from agentsup.otp.channel import Channel
from agentsup.otp.childspec import BRUTAL_KILL, ChildSpec
from agentsup.otp.current import current_var
from agentsup.otp.deadlines import Deadlines
from agentsup.otp.errors import AlreadyRegistered, AlreadyStarted, RestartLimitExceeded, RootDied
from agentsup.otp.events import Audience, RuntimeEvent
from agentsup.otp.flags import RestartLimit
from agentsup.otp.judgement import start_error
from agentsup.otp.process import live
from agentsup.otp.reaper import Reaper
from agentsup.otp.reasons import Crashed, ExitReason, Shutdown, root_causes
from agentsup.otp.refs import Dest, Name, Ref, Via
from agentsup.otp.registry import Registry
from agentsup.otp.snapshot import RuntimeSnapshot, take
from agentsup.otp.timers import Timers
from agentsup.otp.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from agentsup.otp.child import Child
    from agentsup.otp.overseer import Overseer
    from agentsup.otp.spawned import Spawned


@attrs.define(eq=False, repr=False)
class Runtime:
    """An open supervision tree; `open_runtime` makes one."""

    start: Callable[[], Overseer]
    """Makes the root supervisor."""
    shutdown_deadline: float
    kill_grace: float
    progress_reports: bool
    random: random.Random
    stop_on: tuple[int, ...] = ()
    watchdog: Watchdog | None = None
    names: Registry = attrs.field(factory=Registry)
    """The registry in which `ChildSpec.name` and names without a registry of their own live."""
    timers: Timers = attrs.field(factory=Timers)
    deadlines: Deadlines = attrs.field(init=False)
    reaper: Reaper = attrs.field(init=False)
    audience: Audience = attrs.field(factory=Audience)
    """Who listens to its events."""
    is_hearing: bool = False
    """A supervisor is in the middle of a notice, in the task of whoever gives it."""
    fatal: BaseException | None = None
    """A SystemExit or KeyboardInterrupt out of a process, or what the tree was given up for: it leaves the block, bare."""
    now: Callable[[], float] = attrs.field(factory=lambda: trio.lowlevel.current_clock().current_time)
    """Seconds on trio's clock, without the detour over `trio.current_time`, as every call with a timeout asks."""
    token: trio.lowlevel.TrioToken = attrs.field(factory=trio.lowlevel.current_trio_token)
    _nursery: trio.Nursery | None = None
    _root: Cell | None = None
    _body: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _closed: trio.Event = attrs.field(factory=trio.Event)
    _vault: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))

    def __attrs_post_init__(self) -> None:
        self.deadlines = Deadlines(self.timers)
        self.reaper = Reaper(self, self.timers, self.kill_grace)

    def __repr__(self) -> str:
        return f"<Runtime with {len(self.cells)} processes>"

    @property
    def cells(self) -> dict[int, Cell]:
        """Its living processes, by serial, oldest first; costs a look at every process there is."""
        return {serial: cell for serial, cell in CELLS.items() if cell.runtime is self}

    @property
    def zombies(self) -> set[Cell | Spawned]:
        """What was killed and lives on, as long as it does."""
        return self.reaper.zombies

    @property
    def nursery(self) -> trio.Nursery:
        """The flat nursery."""
        assert self._nursery is not None
        return self._nursery

    @property
    def root(self) -> Ref:
        """The root supervisor."""
        assert self._root is not None
        return self._root.ref

    async def run_forever(self) -> None:
        """Wait until the root supervisor has ended; then the block is left."""
        assert self._root is not None
        await self._root.ended()
        await trio.sleep_forever()

    # Looking at it.

    def snapshot(self) -> RuntimeSnapshot:
        """The whole tree as plain data, now."""
        assert self._root is not None
        return take(self, self._root)

    def events(self, buffer: int = 1024) -> Channel[RuntimeEvent]:
        """What happens in the tree from now on: `async with rt.events() as events: async for event in events`.

        A consumer that falls more than `buffer` events behind loses the oldest and can see how many (`take_dropped`).
        """
        return self.audience.open(buffer)

    def tell(self, event: RuntimeEvent) -> None:
        """Show an event to whoever listens."""
        self.audience.tell(event)

    async def quiesce(self) -> None:
        """Wait until nothing can go on any more without time passing or something from outside; for tests.

        Every task of this trio run is blocked then, so every mailbox is empty whose actor is not in the middle of a callback.
        """
        from trio.testing import wait_all_tasks_blocked  # here: where pytest is installed, trio.testing loads it

        await wait_all_tasks_blocked()

    def cast_from_thread(self, dest: Dest, message: object) -> None:
        """`cast`, from any other thread; nothing happens if the runtime is closed.

        The message waits in trio's own queue until the loop takes it, without a bound: how much a thread sends is the thread's to limit.
        """
        with contextlib.suppress(trio.RunFinishedError):
            self.token.run_sync_soon(contextvars.copy_context().run, self._cast_here, dest, message)

    def _cast_here(self, dest: Dest, message: object) -> None:
        if not self._closed.is_set():
            current_var.set(self)
            cast(dest, message)

    # Starting processes.

    @enable_ki_protection
    def start_process(
        self, spec: ChildSpec, parent: Cell | None, record: Child | None, context: contextvars.Context
    ) -> Cell:
        """Start one incarnation: its name is taken now, before `init` (rule G2); `init` runs in the process's own task.

        Raises:
            AlreadyStarted: somebody holds the name; nothing was started.
            RegistryClosed: the registry the name is for is not there; likewise.
            SpecError: the name cannot be one; likewise.
        """
        cell = Cell.new(self, str(spec.id), parent, record, spec.start)
        cell.grace = 5.0 if spec.shutdown == BRUTAL_KILL else spec.shutdown
        if spec.name is not None:
            self._enter(spec.name, cell)
        if parent is not None:
            parent.children += 1
        if spec.init_timeout is not None:
            cell.ladder = self.timers.after(spec.init_timeout, functools.partial(self._init_took_too_long, cell))
            cell.watch(_init_in_time)
        if context.get(current_var) is not self:
            context.run(current_var.set, self)
        context.run(self._spawn, cell)
        return cell

    def _spawn(self, cell: Cell) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(live, cell, name=f"{cell.ref.label}#{cell.ref.serial}")

    def _enter(self, name: Hashable, cell: Cell) -> None:
        registry: Via = self.names
        try:
            if isinstance(name, Name):
                registry, name = self.names if name.registry is None else name.registry, name.key
                held = registry.holder(name)
                if held is not None:
                    raise AlreadyRegistered(name, held.ref)
            registry.enter(name, cell)
        except AgentsupError as error:
            del CELLS[cell.ref.serial]  # it never was
            if isinstance(error, AlreadyRegistered):
                raise AlreadyStarted(f"the name {name!r} is held by {error.ref!r}", ref=error.ref) from None
            raise

    def _init_took_too_long(self, cell: Cell) -> None:
        if not cell.announced:
            cell.timed_out = True
            self.reaper.kill(cell)

    # What processes tell it.

    def forget(self, cell: Cell) -> None:
        """A process was announced dead."""
        if cell is self._root:
            self._body.cancel(reason="the root supervisor ended")

    @enable_ki_protection
    def note_fatal(self, error: BaseException) -> None:
        """See whether an error is one that takes the whole tree down: then the body is cancelled and everything stops in order."""
        if isinstance(error, Exception):
            return  # nor can a group that is one hold any other
        for cause in root_causes(error):
            if isinstance(cause, (KeyboardInterrupt, SystemExit)) and self.fatal is None:
                self.fatal = cause
                self._body.cancel(reason=f"{type(cause).__name__} in a process")

    @enable_ki_protection
    def give_up(self, error: BaseException) -> None:
        """Stop everything in order, and have the block raise this: for what the whole tree stands on, and cannot be had any more."""
        if self.fatal is None:
            self.fatal = error
            self._body.cancel(reason=f"given up: {type(error).__name__}")

    # The block.

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """The task that holds the flat nursery under its shield."""
        with self._vault:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self.timers.run)
                if self.stop_on:
                    await self._nursery.start(self._heed_signals)
                if self.watchdog is not None:
                    self.watchdog.start()
                task_status.started()
                try:
                    await self._closed.wait()
                finally:
                    if self.watchdog is not None:
                        self.watchdog.stop()
                self._nursery.cancel_scope.cancel(reason="the runtime is closed")

    async def _heed_signals(self, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(*self.stop_on) as received:
            task_status.started()
            async for number in received:
                self._body.cancel(reason=f"signal {signal.Signals(number).name}")

    async def start_root(self) -> None:
        """Start the root supervisor and its children.

        Raises:
            StartError: one of them could not be started; everything is down again.
        """
        spec = ChildSpec(id="root", start=self.start, type="supervisor", restart="temporary")
        started = trio.Event()
        self._root = root = self.start_process(spec, None, None, contextvars.copy_context())
        root.watch(lambda _: started.set())
        await started.wait()
        if root.is_over:
            assert root.reason is not None
            raise start_error(spec, root.timed_out, root.reason)

    async def stop(self) -> None:
        """The ordered stop: the root is asked, its children stop in reverse order, each in its time, all within `shutdown_deadline`."""
        with trio.CancelScope(shield=True):
            with trio.move_on_after(self.shutdown_deadline) as budget:
                if self._root is not None:
                    self.reaper.bring_down(self._root, math.inf)
                    await self._root.ended()
                await self.reaper.emptied()
            if budget.cancelled_caught:
                reports.shutdown_cut(self.shutdown_deadline, len(self.cells) + len(self.zombies))
                self.cut()
            self.audience.close()
            self._closed.set()

    def cut(self) -> None:
        """Drop the shield and cancel everything at once."""
        self._vault.cancel(reason="the runtime was cut")
        self._closed.set()

    def verdict(self) -> RestartLimitExceeded | RootDied | None:
        """What the end of the root means for whoever opened the tree."""
        reason: ExitReason | None = None if self._root is None else self._root.reason
        if reason is not None and not reason.is_clean and self._body.cancel_called:
            return RootDied(reason)
        if not isinstance(reason, Shutdown) or not isinstance(reason.info, RestartLimit):
            return None
        error = RestartLimitExceeded(reason)
        last = reason.info.reason
        error.__cause__ = last.exception if isinstance(last, Crashed) else None
        return error

    @property
    def body(self) -> trio.CancelScope:
        """The scope around the body of the block."""
        return self._body


def _init_in_time(cell: Cell) -> None:
    if cell.announced and cell.ladder is not None and cell.asked is None:
        cell.ladder.cancel()
        cell.ladder = None
