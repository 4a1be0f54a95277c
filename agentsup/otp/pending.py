"""Requests that are sent now and waited for later, one by one or many together (rule G20)."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import attrs
import trio
from trio.lowlevel import current_task

from agentsup.otp.caller import Caller
from agentsup.otp.calls import locate, seconds
from agentsup.otp.cell import ACTORS
from agentsup.otp.errors import CallingSelf, CallTimeout, MailboxFull, NoProc, NoReplyYet

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentsup.otp.refs import Dest
    from agentsup.otp.results import R, Request

T = TypeVar("T")
L = TypeVar("L")


@attrs.define(eq=False, repr=False)
class PendingReply(Generic[T]):
    """The reply to a request that was sent, now or later; `send_request` makes one.

    It can be waited for by any task, also by several and again. Nobody has to: a reply that nobody looks at costs nothing.
    """

    _dest: Dest
    _caller: Caller | None
    _failure: BaseException | None = None
    """It could not be delivered."""
    _event: trio.Event = attrs.field(factory=trio.Event)
    _listeners: list[Callable[[], None]] = attrs.field(factory=list)

    def check(self) -> T:
        """The reply, if it is there.

        Raises:
            NoReplyYet: it is not; also after `abandon`.
            NoProc: and the other errors of `call`, if it came to one.
        """
        if self._failure is not None:
            raise self._failure
        if self._caller is None or not self._event.is_set():
            raise NoReplyYet(self._dest, None if self._caller is None else self._caller.request)
        reply: T = self._caller.result(self._dest, None)
        return reply

    async def wait(self, timeout: float | None = None) -> T:
        """The reply. A timeout, or a cancellation, leaves the request pending: wait again, or look with `check`.

        Raises:
            CallTimeout: it did not come within `timeout` seconds.
            CallingSelf: an actor would wait for its own reply.
            NoReplyYet: it was abandoned.
            NoProc: and the other errors of `call`.
        """
        await trio.lowlevel.checkpoint()
        if self._caller is not None and not self.is_settled:
            if ACTORS.get(current_task()) is self._caller.cell:
                raise CallingSelf(self._dest, self._caller.request)
            with trio.move_on_after(math.inf if timeout is None else seconds(timeout)) as scope:
                await self._event.wait()
            if scope.cancelled_caught:
                raise CallTimeout(self._dest, self._caller.request, timeout=timeout)
        return self.check()

    async def receive(self, timeout: float | None = 5.0) -> T:
        """The reply; a timeout or a cancellation abandons the request, so that a late reply is dropped.

        Raises:
            CallTimeout: it did not come within `timeout` seconds.
            NoProc: and the other errors of `wait`.
        """
        try:
            return await self.wait(timeout)
        finally:
            if not self.is_settled:
                self.abandon()

    def abandon(self) -> None:
        """Want the reply no more: a late one is dropped and counted, and a request that was not begun is skipped."""
        if self._caller is not None and not self.is_settled:
            self._caller.abandon(None)
            self._caller = None
            self._event.set()

    @property
    def is_settled(self) -> bool:
        """Whether there is a reply, an error, or nothing to come any more."""
        return self._failure is not None or self._event.is_set()

    def when_settled(self, listener: Callable[[], None]) -> None:
        """Have `listener` called once it is settled, at once if it is; it must not raise."""
        if self.is_settled:
            listener()
        else:
            self._listeners.append(listener)

    def settled(self) -> None:
        """The slot was settled: wake whoever waits."""
        self._event.set()
        for listener in self._listeners:
            listener()
        self._listeners.clear()

    def __repr__(self) -> str:
        return f"<PendingReply of {self._dest!r}, {'settled' if self.is_settled else 'pending'}>"


@overload
def send_request(dest: Dest, request: Request[R]) -> PendingReply[R]: ...
@overload
def send_request(dest: Dest, request: object) -> PendingReply[Any]: ...
def send_request(dest: Dest, request: object) -> PendingReply[Any]:
    """Ask the actor at `dest` without waiting. Never raises for a dead or full destination: that is what the reply then says.

    The server sees an ordinary call. A mailbox with the policy `block` refuses here, as nobody waits.
    """
    target = locate(dest)
    if target is None:
        return PendingReply(dest, None, NoProc(dest, request))
    caller = Caller(current_task(), request, target)
    pending: PendingReply[Any] = PendingReply(dest, caller)
    caller.on_settled = pending.settled
    if not target.mailbox.put(caller):
        target.mailbox.dropped += 1
        return PendingReply(dest, None, MailboxFull(dest, request))
    return pending


@attrs.define(eq=False)
class PendingReplies(Generic[L]):
    """Several pending replies, each under a label; `receive` gives them back in the order in which they are settled."""

    _left: int = 0
    _ready: deque[tuple[L, PendingReply[Any]]] = attrs.field(factory=deque)
    _event: trio.Event = attrs.field(factory=trio.Event)

    def add(self, label: L, reply: PendingReply[Any]) -> None:
        """Put one in."""
        self._left += 1

        def arrived() -> None:
            self._ready.append((label, reply))
            self._event.set()

        reply.when_settled(arrived)

    def __len__(self) -> int:
        return self._left

    async def receive(self) -> tuple[L, PendingReply[Any]]:
        """The next settled one and its label; `check` it. For a deadline over all of them, put one `trio.fail_at` around the loop.

        Raises:
            LookupError: there is none left.
        """
        if not self._left:
            raise LookupError("there is no pending reply left in the collection")
        await trio.lowlevel.checkpoint()
        while not self._ready:
            self._event = trio.Event()
            await self._event.wait()
        self._left -= 1
        return self._ready.popleft()
