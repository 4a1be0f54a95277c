"""The live record of one process, and the two tables by which the kernel finds it.

A `Cell` is private to the kernel: users hold refs. The supervision tree, links and monitors are data in these records, as in OTP, because trio's
tasks form a strict tree that cannot express them; all processes run side by side in one flat nursery (see docs/explanation/otp-on-trio.md).
"""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING, Any

import attrs
import trio
from trio.lowlevel import enable_ki_protection

from agentsup.otp.caller import Caller
from agentsup.otp.mailbox import Mailbox
from agentsup.otp.reasons import Crashed, Killed
from agentsup.otp.refs import NODE, Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from types import TracebackType

    from agentsup.otp.actor import Actor
    from agentsup.otp.entries import Held
    from agentsup.otp.notices import Notice
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.results import Monitor
    from agentsup.otp.runtime import Runtime
    from agentsup.otp.spawned import Spawned
    from agentsup.otp.timers import Timer

_serials = itertools.count(1)

CELLS: dict[int, Cell] = {}
"""Every process of this Python process that lives, by its ref's serial."""

ACTORS: dict[trio.lowlevel.Task, Cell] = {}
"""The process whose own task this is. A task that an actor spawned is not in here: it may call its actor."""


class Phase(enum.Enum):
    """Where in its life a process is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    CLOSING = "closing"
    """User code is done; what it spawned, and its children, are being ended."""
    ZOMBIE = "zombie"
    """It did not die when killed: everybody was told that it is dead, and its task is parked."""
    DEAD = "dead"


class Doomed:
    """Wakes a process that was cut off, so that it looks at its doom."""


DOOMED = Doomed()


@attrs.define(eq=False, repr=False, weakref_slot=False)
class Cell:
    """One process, from the decision to start it until its death was announced. Idle ones are many: what is rare is None until needed."""

    ref: Ref
    runtime: Runtime
    mailbox: Mailbox
    parent: Cell | None = None
    record: Any = None
    """The parent's own note on this child."""
    start: Callable[[], Actor] | None = None
    """The factory; forgotten once it has been called."""
    actor: Actor | None = None
    task: trio.lowlevel.Task | None = None
    scope: trio.CancelScope | None = None
    """What its callbacks are waited for in. Many actors never wait in a callback and have none: see `can_wait`."""
    phase: Phase = Phase.STARTING
    grace: float = 5.0
    """Seconds for `terminate`, and between being asked to stop and being killed."""
    initialised: bool = False
    """`init` came to a good end, so `terminate` is owed."""
    announced: bool = False
    """Its parent was told that it runs."""
    ignored: bool = False
    timed_out: bool = False
    """Killed because `init` took too long."""
    suspended: bool = False
    trapping: bool = False
    extra: Any = None
    """What the start hands through to whoever asked for it (rule S21)."""
    asked: ExitReason | None = None
    """The reason with which somebody else asked it to stop: it rules the restart decision, whatever clean-up raises (section 3.2, X-c)."""
    doom: ExitReason | None = None
    """Why it was cut off: recorded before the scope is cancelled."""
    doom_terminates: bool = False
    """Cut off by a crash of something it spawned: `terminate` still runs."""
    reason: ExitReason | None = None
    cleanup_error: BaseException | None = None
    last_reply: tuple[Caller, Any] | None = None
    """The reply of a `Stop`, sent after `terminate` (rule G10)."""
    current: Any = None
    """The mailbox entry being handled."""
    waiting_on: Cell | None = None
    """The process whose reply its own task waits for."""
    ladder: Timer | None = None
    """The next rung of being brought down."""
    idle: Timer | None = None
    handled: int = 0
    skipped: int = 0
    """Requests whose caller was gone before they were begun."""
    late_replies: int = 0
    deferred: set[Caller] | None = None
    held: Held | None = None
    """What it holds in registries: the newest entry, from which the others follow."""
    children: int = 0
    """How many processes it has started that are not over. Which ones, the actor knows."""
    spawned: set[Spawned] | None = None
    links: set[Cell] | None = None
    monitors: dict[Monitor, Cell] | None = None
    """Who watches this one."""
    monitoring: dict[Monitor, Cell] | None = None
    """Whom this one watches."""
    watchers: list[Callable[[Cell], None]] | None = None
    """Told, in the kernel's own code, when it runs and when it has ended."""
    emptied: trio.Event | None = None
    """Set when the last of `spawned` and `children` is gone, for the closing process that waits for it."""
    is_timed: bool = False
    """Somebody may wait for its answer with a timeout, and `Deadlines` knows."""
    alert: bool = False
    """Something has to be done before each message: an idle timer to be stopped, a probe to be told."""
    probe: Any = None
    """Debugging switches (`otp.sys`), if any are on."""

    @classmethod
    def new(cls, runtime: Runtime, label: str, parent: Cell | None, record: Any, start: Callable[[], Actor]) -> Cell:
        """A fresh record in the table of the living."""
        serial = next(_serials)
        cell = CELLS[serial] = cls(Ref(serial, NODE, label), runtime, Mailbox(), parent, record, start)
        return cell

    @property
    def id(self) -> Hashable:
        """Its child id, as its spec has it."""
        return self.ref.label if self.record is None else self.record.spec.id

    @property
    def is_over(self) -> bool:
        """Whether everybody was told that it ended."""
        return self.phase is Phase.DEAD or self.phase is Phase.ZOMBIE

    def cut(self, reason: ExitReason) -> None:
        """Cancel the process with `reason`; the first reason stays, except that a kill overrides what would still run `terminate`."""
        if self.is_over:
            return
        if self.doom is None or isinstance(reason, Killed):
            self.doom = reason
            self.doom_terminates = False
        self._cancel()

    def interrupt(self, reason: ExitReason) -> None:
        """Cancel the running callback; the process then ends with `reason` through `terminate`."""
        if self.is_over or self.doom is not None:
            return
        self.doom = reason
        self.doom_terminates = True
        self._cancel()

    def _cancel(self) -> None:
        if self.scope is not None:
            self.scope.cancel(reason="killed" if isinstance(self.doom, Killed) else repr(self.doom))
        self.mailbox.put_system(DOOMED)  # after the cancellation, which takes a parked reader out of its wait

    @enable_ki_protection
    def can_wait(self) -> None:
        """Enter a cancel scope, if there is none: a callback is about to wait, and may have to be interrupted.

        A process that only ever ran sync callbacks needs no scope: it can be cut off between two of them alone, and there it looks. That saves a fifth
        of its memory and of the time to start it. Once entered, the scope stays until the process is done: to leave and enter it with each callback
        would cost a third of a call.
        """
        if self.scope is None:
            self.scope = scope = trio.CancelScope()
            scope.__enter__()
            if self.doom is not None:
                scope.cancel(reason=repr(self.doom))

    def __enter__(self) -> None:
        """The block in which user code runs."""

    @enable_ki_protection
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """User code is done, or the loop around it; a cancellation that was meant for it goes no further."""
        self.mailbox.parked = None  # it will never read again, also if it was interrupted on its way to sleep
        scope, self.scope = self.scope, None
        return scope is not None and bool(scope.__exit__(kind, error, traceback))

    @enable_ki_protection
    def hear(self, notice: Notice) -> None:
        """As a supervisor, take a notice: here and now if it has nothing else to do, as that saves a step of the scheduler, otherwise in turn.

        A supervisor handles each notice in one step and never waits, so it does not matter in whose task that step is.
        """
        runtime = self.runtime
        if runtime.is_hearing or self.mailbox.parked is None or self.mailbox.system:
            self.mailbox.put_system(notice)
            return
        assert self.actor is not None
        runtime.is_hearing = True  # one after another, so that news does not climb a deep tree on one stack
        try:
            self.actor._notice(notice)  # noqa: SLF001  (the kernel's half of the actor)
        except BaseException as error:  # noqa: BLE001  (a supervision border: it is the supervisor's fault, and not of whoever tells it)
            self.interrupt(Crashed(error))
        finally:
            runtime.is_hearing = False

    def look_up(self) -> None:
        """Set `alert` anew."""
        self.alert = self.idle is not None or self.probe is not None

    def before(self, entry: Any) -> None:
        """What has to be done before a message is handled, while `alert`."""
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None
        if self.probe is not None:
            self.probe.entry(entry)
        self.look_up()

    def after(self) -> None:
        """What has to be done when a message was handled, while `alert`: at the latest before anything else happens."""
        if self.probe is not None:
            self.probe.done()

    def owed(self) -> list[Caller]:
        """The calls that wait for an answer of this process: being handled, queued, or put off."""
        entries = (self.current, *(self.mailbox.queue or ()), *(self.deferred or ()))
        return [entry for entry in entries if isinstance(entry, Caller) and entry.task is not None]

    def watch(self, watcher: Callable[[Cell], None]) -> None:
        """Have `watcher(cell)` called when the process runs and when it has ended; it must not raise."""
        if self.watchers is None:
            self.watchers = []
        self.watchers.append(watcher)

    def unwatch(self, watcher: Callable[[Cell], None]) -> None:
        """Take a watcher back."""
        if self.watchers and watcher in self.watchers:
            self.watchers.remove(watcher)

    def tell_watchers(self) -> None:
        """Tell them."""
        for watcher in list(self.watchers or ()):
            watcher(self)

    def lost_child(self) -> None:
        """A child of this process is gone."""
        self.children -= 1
        self._look_around()

    def lost_spawned(self, spawned: Spawned) -> None:
        """A task that it spawned is gone."""
        if self.spawned is not None:
            self.spawned.discard(spawned)
        self._look_around()

    def _look_around(self) -> None:
        if self.emptied is not None and not self.children and not self.spawned:
            self.emptied.set()

    async def ended(self) -> ExitReason:
        """Wait until its death was announced; the reason. Cancelling the wait changes nothing."""
        if not self.is_over:
            event = trio.Event()

            def look(_: Cell) -> None:
                if self.is_over:
                    event.set()

            self.watch(look)
            try:
                await event.wait()
            finally:
                self.unwatch(look)
        assert self.reason is not None
        return self.reason


def find(ref: Ref) -> Cell | None:
    """The living process behind a ref."""
    cell = CELLS.get(ref.serial)
    if cell is None or (cell.ref is not ref and cell.ref != ref):
        return None
    return cell
