"""What callbacks return, and the messages the kernel itself sends to actors."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs

from agentsup.otp.reasons import ExitReason, Normal, checked
from agentsup.otp.refs import Ref

R = TypeVar("R")


class Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Stands for an argument that was not given where None is a value."""


class Request(Generic[R]):
    """Base of requests that know the type of their reply: `class GetUsage(otp.Request[Usage])` makes `await otp.call(ref, GetUsage())` a Usage."""

    __slots__ = ()


@attrs.frozen
class Continue:
    """Run `handle_continue(arg)` before any queued message, also those that came during `init` (rule G6)."""

    arg: object = None


@attrs.frozen(repr=False)
class Reply:
    """Answer the caller with `value`.

    `state` replaces `self.state`; `timeout` (seconds) asks for an `Idle` message if nothing at all arrives in that span; `then` runs
    `handle_continue` before the next message.
    """

    value: Any = None
    state: Any = attrs.field(default=UNSET, kw_only=True)
    timeout: float | None = attrs.field(default=None, kw_only=True)
    then: Continue | None = attrs.field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return f"Reply({type(self.value).__name__})"


@attrs.frozen(repr=False)
class NoReply:
    """Nothing to say now; in `handle_call`, somebody will `reply` to the caller later. The fields are those of `Reply`."""

    state: Any = attrs.field(default=UNSET, kw_only=True)
    timeout: float | None = attrs.field(default=None, kw_only=True)
    then: Continue | None = attrs.field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return "NoReply()"


@attrs.frozen(repr=False)
class Stop:
    """End this actor with `reason`: `terminate` runs first, then `reply` (where given) reaches the caller (rule G10)."""

    reason: ExitReason = attrs.field(factory=Normal, converter=checked)
    reply: Any = attrs.field(default=UNSET, kw_only=True)
    state: Any = attrs.field(default=UNSET, kw_only=True)

    def __repr__(self) -> str:
        return f"Stop({self.reason!r})"


@attrs.frozen
class Ignore:
    """From `init`: there is nothing to run; the supervisor keeps the spec and goes on (rule S5)."""


@attrs.frozen
class Later:
    """From the `init` of a supervisor: it will announce by itself that it has started."""


@attrs.frozen
class Idle:
    """Arrives in `handle_info` when no message came within the `timeout` of the last result (rule G13)."""


@attrs.frozen(eq=False)
class Monitor:
    """One watch on one process, as `monitor` returns it; each is heard exactly once."""

    ref: Ref


@attrs.frozen
class Down:
    """A monitored process ended; its names are free already. `reason` is `Gone()` if it was dead when the watch began."""

    ref: Ref
    monitor: Monitor
    reason: ExitReason


@attrs.frozen
class Exit:
    """A linked process ended, or somebody sent an exit signal, and this actor traps exits (rule P3)."""

    sender: Ref | None
    reason: ExitReason


InitResult: TypeAlias = Continue | Ignore | Stop | NoReply | Later | None
"""What `init` may return."""

CallResult: TypeAlias = Reply | NoReply | Stop
"""What `handle_call` may return."""

MessageResult: TypeAlias = NoReply | Continue | Stop | None
"""What `handle_cast`, `handle_info` and `handle_continue` may return."""
