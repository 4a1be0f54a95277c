"""The mailbox of a process: two lanes, a bound, a named policy for when it is full, and one parked reader.

Why not a trio memory channel: a channel cannot drop the oldest, cannot be looked into, has no lane for the system, and pays a checkpoint per
message. A deque that is drained in batches by one parked task is an order of magnitude cheaper and the policy sits where the message is put.

The *system lane* (stop requests, notices to supervisors, `sys` requests) is read first and has no bound: its senders are the kernel's own, each
with a bounded number of things to say. The *user lane* holds calls, casts and messages in order of arrival. Signals that must not be lost (`Down`,
`Exit`, timers, a stop in turn) go past the bound. Both deques come into being with the first message: most processes of a large tree are idle.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs
import trio
from trio.lowlevel import Abort, enable_ki_protection, reschedule, wait_task_rescheduled

from agentsup.errors import Problem, SpecError
from agentsup.otp.parking import WOKEN
from agentsup.otp.reasons import ExitReason

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from agentsup.otp.results import Monitor

Overflow = Literal["unbounded", "block", "reject", "drop_newest", "drop_oldest", "coalesce"]
"""What a full mailbox does with one more; `MailboxSpec` explains each."""

DEFAULT_CAPACITY = 65_536
"""Room for a burst from every one of tens of thousands of senders, yet an end to it: about 8 MB of queued casts."""


@attrs.frozen
class MailboxSpec:
    """How many messages may wait in an actor's user lane, and what happens to one more.

    - `reject` (the default): a call raises `MailboxFull`, a cast is dropped and counted.
    - `drop_newest`: the same for casts; `send` returns as if it had delivered.
    - `drop_oldest`: the oldest cast or message makes room; a call that has to is answered with `MailboxFull`.
    - `block`: `call` and `send` wait for room, in order; a plain cast cannot wait and is dropped. Two actors that wait for room at each other wait for ever.
    - `coalesce`: a cast replaces the waiting cast for which `key` gives the same value; otherwise as `reject`.
    - `unbounded`: never full; for actors whose senders are bounded otherwise.
    """

    capacity: float = DEFAULT_CAPACITY
    """Messages, at least 1; `math.inf` only with `unbounded`."""

    overflow: Overflow = "reject"

    key: Callable[[Any], Hashable] | None = attrs.field(default=None, kw_only=True)
    """For `coalesce`: what makes two casts the same thing, in its newest state."""

    def __attrs_post_init__(self) -> None:
        problems = []
        if self.overflow not in get_args(Overflow):
            problems.append(
                Problem("overflow", f"{self.overflow!r} is no policy; one of {', '.join(get_args(Overflow))}")
            )
        if not self.capacity >= 1:
            problems.append(Problem("capacity", f"{self.capacity!r} leaves no room for a message; at least 1"))
        if math.isinf(self.capacity) and self.overflow != "unbounded":
            problems.append(
                Problem(
                    "capacity", f'an infinite one never meets the policy {self.overflow!r}; say overflow="unbounded"'
                )
            )
        if (self.key is not None) != (self.overflow == "coalesce"):
            problems.append(Problem("key", 'goes with overflow="coalesce", and only with it'))
        if problems:
            raise SpecError(problems)


@attrs.define(eq=False)
class Info:
    """A plain message on its way to `handle_info`. A cast is a bare 1-tuple, as there are so many of them."""

    message: Any


@attrs.define(eq=False)
class Signal:
    """A message to `handle_info` that is never dropped and never refused: the kernel's own (`Down`, `Exit`, a timer's), and those of `otp.signal`."""

    message: Any
    monitor: Monitor | None = None
    """The watch whose `Down` it is; once that was ended, nobody wants to see it."""


@attrs.define(eq=False)
class StopAsked:
    """Somebody wants this process to end with `reason`: in turn (user lane), or after the running callback (system lane)."""

    reason: ExitReason


KEPT = frozenset({Signal, StopAsked})
"""What `drop_oldest` never drops."""


@attrs.define(eq=False)
class Latest:
    """A cast in a coalescing mailbox; `message` is replaced while it waits."""

    key: Hashable
    message: Any


@attrs.define(eq=False)
class Sender:
    """A cast that waits for room, with the task that waits with it."""

    message: Any
    task: trio.lowlevel.Task
    is_in: bool = False

    def enter(self) -> Any:
        """There is room: the entry to queue."""
        self.is_in = True
        reschedule(self.task, WOKEN)
        return (self.message,)

    def turn_away(self) -> None:
        """There will be none."""
        reschedule(self.task, WOKEN)


@attrs.frozen
class MailboxStatistics:
    """A look at a mailbox."""

    length: int
    """Messages waiting in the user lane."""

    system_length: int
    """Entries waiting in the system lane."""

    capacity: float
    overflow: Overflow

    high_water: int
    """The most that ever waited."""

    dropped: int
    """Messages that were refused or pushed out, since the start."""

    waiting_senders: int
    """Tasks that wait for room (policy `block`)."""


def describe_entry(entry: Any) -> str | None:
    """What kind of thing an entry is, by types only: its content may be somebody's secret."""
    if entry is None:
        return None
    if isinstance(entry, tuple):
        return f"cast of {type(entry[0]).__name__}"
    if hasattr(entry, "request"):
        return f"call with {type(entry.request).__name__}"
    return type(getattr(entry, "message", entry)).__name__


UNBOUNDED = MailboxSpec(math.inf, "unbounded")


@attrs.define(eq=False, weakref_slot=False)
class Mailbox:
    """The two lanes of one process and its parked reader. Everything here is synchronous and belongs to one trio thread."""

    spec: MailboxSpec = MailboxSpec()
    capacity: float = DEFAULT_CAPACITY
    queue: deque[Any] | None = None
    system: deque[Any] | None = None
    parked: trio.lowlevel.Task | None = None
    high_water: int = 0
    dropped: int = 0
    senders: deque[Any] | None = None
    """The line of those who wait for room: each a `Sender`, or the `Caller` of a call."""
    latest: dict[Hashable, Latest] | None = None

    def configure(self, spec: MailboxSpec) -> None:
        """Take over the bounds of the actor, once it is known; what waits already stays."""
        self.spec = spec
        self.capacity = math.inf if spec.overflow == "unbounded" else spec.capacity

    @enable_ki_protection
    def put(self, entry: object) -> bool:
        """Queue one entry and wake the reader; False if the policy refused it."""
        queue = self.queue
        if queue is None:
            queue = self.queue = deque()
        length = len(queue)
        if length >= self.capacity:
            if not self._make_room(queue):
                return False
            length -= 1
        queue.append(entry)
        if length >= self.high_water:
            self.high_water = length + 1
        task = self.parked
        if task is not None:
            self.parked = None
            reschedule(task, WOKEN)
        return True

    @enable_ki_protection
    def put_cast(self, message: object) -> bool:
        """Queue a cast: the entry is a 1-tuple, or the newest version of one that waits."""
        key = self.spec.key
        if key is None:
            return self.put((message,))
        latest = self.latest
        if latest is None:
            latest = self.latest = {}
        identity = key(message)
        waiting = latest.get(identity)
        if waiting is not None:
            waiting.message = message
            return True
        entry = Latest(identity, message)
        if not self.put(entry):
            return False
        latest[identity] = entry
        return True

    @enable_ki_protection
    def put_signal(self, entry: object) -> None:
        """Queue something that must not be lost, past the bound."""
        if self.queue is None:
            self.queue = deque()
        self.queue.append(entry)
        self.high_water = max(self.high_water, len(self.queue))
        self.wake()

    @enable_ki_protection
    def put_system(self, entry: object) -> None:
        """Queue something for the system lane."""
        if self.system is None:
            self.system = deque()
        self.system.append(entry)
        self.wake()

    def wake(self) -> None:
        """Let the reader look."""
        task = self.parked
        if task is not None:
            self.parked = None
            reschedule(task, WOKEN)

    def unpark(self, _: object) -> Abort:
        """The abort function of the parked reader: it is being cancelled and reads no more."""
        self.parked = None
        return Abort.SUCCEEDED

    def _make_room(self, queue: deque[Any]) -> bool:
        if self.spec.overflow != "drop_oldest":
            return False
        for index, entry in enumerate(queue):
            if entry.__class__ not in KEPT:
                del queue[index]
                self.dropped += 1
                if entry.__class__ is not tuple and entry.__class__ is not Info:
                    entry.refuse()
                return True
        return False

    @enable_ki_protection
    async def wait_for_room(self, message: object) -> bool:
        """Wait in line until a cast was queued; False if the process ended before. For `block`; if cancelled, nothing was queued."""
        sender = Sender(message, trio.lowlevel.current_task())
        self.line_up(sender)

        def give_up(_: object) -> Abort:
            self.leave_line(sender)
            return Abort.SUCCEEDED

        await wait_task_rescheduled(give_up)
        return sender.is_in

    def line_up(self, sender: Any) -> None:
        """Stand at the end of the line."""
        if self.senders is None:
            self.senders = deque()
        self.senders.append(sender)

    def leave_line(self, sender: Any) -> None:
        """Wait for room no more."""
        if self.senders and sender in self.senders:
            self.senders.remove(sender)

    @enable_ki_protection
    def room_made(self) -> None:
        """Queue what waited longest, as far as there is room; called when something was taken out.

        It is queued here and not by the sender when it runs again: trio wakes tasks in no order, and the line is one.
        """
        senders, queue = self.senders, self.queue
        assert queue is not None
        while senders and len(queue) < self.capacity:
            queue.append(senders.popleft().enter())
        self.high_water = max(self.high_water, len(queue))

    @enable_ki_protection
    def release_senders(self) -> None:
        """Turn away everybody in the line: the process is ending."""
        while self.senders:
            self.senders.popleft().turn_away()

    def statistics(self) -> MailboxStatistics:
        """A look at it."""
        return MailboxStatistics(
            length=len(self.queue or ()),
            system_length=len(self.system or ()),
            capacity=self.capacity,
            overflow=self.spec.overflow,
            high_water=self.high_water,
            dropped=self.dropped,
            waiting_senders=len(self.senders or ()),
        )
