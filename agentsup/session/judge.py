"""Looking at a turn before the request goes on: the user's guard, and what the request has cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import structlog

from agentsup.errors import SpecError
from agentsup.ids import RequestId, SessionId
from agentsup.loop import messages as msg
from agentsup.session.calling import Raised, Returned, asked, place_of
from agentsup.talk.limits import Limits
from agentsup.talk.result import Turn
from agentsup.talk.usage import Usage

if TYPE_CHECKING:
    from agentsup.session.spec import SessionSpec

_log = structlog.get_logger("agentsup.session")


@attrs.frozen(kw_only=True)
class TurnReport:
    """What a `turn_guard` is shown after each turn."""

    session_id: SessionId
    """The session's id here."""

    request_id: RequestId
    """The running request."""

    turns: int
    """Finished turns of this request; starts at 1."""

    session_turns: int
    """Finished turns over the whole session."""

    usage: Usage
    """What the request has used so far; `raw` is left out."""

    cost: float | None = None
    """What that costs by the spec's `price`; None where it has none."""

    elapsed: float = 0.0
    """Seconds since the request began, by the clock on the wall; what it waited for a person is among them."""

    turn: Turn | None = None
    """What the agent did in this turn: what it said and called, what that used, why it stopped."""


@attrs.frozen
class GoOn:
    """The guard's answer: go on."""


@attrs.frozen
class Halt:
    """The guard's answer: stop here. The request ends with `Halted`, here and at the provider."""

    reason: str
    """Why; it is the error's text."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.reason, str):  # None would not halt
            raise SpecError.of("reason", f"must be text, not {type(self.reason).__name__}")


TurnGuard: TypeAlias = Callable[[TurnReport], Any]
"""Gives `GoOn()` or `Halt(reason)`, or an awaitable of one."""


async def judge(spec: SessionSpec, report: TurnReport, limits: Limits) -> tuple[msg.Judged, BaseException | None]:
    """What the price and the guard say of the turn. One that raises, or answers something else, halts the request; what was raised is told."""
    cost: float | None = None
    try:
        if spec.price is not None:
            cost = await _priced(spec.price, report)
            if limits.max_cost is not None and cost >= limits.max_cost:
                limit = f"the request cost {cost:g}, and {limits.max_cost:g} is its limit"
                return msg.Judged(report.request_id, report.turns, halt=limit, cost=cost, over=True), None
        halt = None if spec.turn_guard is None else await _guarded(spec.turn_guard, attrs.evolve(report, cost=cost))
    except _Broken as exc:
        return msg.Judged(report.request_id, report.turns, halt=str(exc), cost=cost), exc.__cause__
    return msg.Judged(report.request_id, report.turns, halt=halt, cost=cost), None


class _Broken(Exception):
    """A function of the user's cannot be relied on: no limit is kept by it."""


async def _priced(price: Callable[[Usage], Any], report: TurnReport) -> float:
    """What it costs.

    Raises:
        _Broken: nobody knows.
    """
    outcome = await asked(price, report.usage)
    if not isinstance(outcome, Returned):
        raise _failed("price", outcome, report) from outcome.error
    cost = outcome.value
    if not isinstance(cost, Real | Decimal) or isinstance(cost, bool):
        raise _Broken(f"the price must be a number, not {type(cost).__name__}")
    try:
        found = float(cost)
    except OverflowError:  # more than any limit, or less than nothing
        found = -math.inf if cost < 0 else math.inf
    except Exception as exc:  # a number may be of a class of the user's
        raise _Broken(
            f"the price is no number that can be compared ({type(exc).__name__}), so no limit can be kept"
        ) from exc
    if math.isnan(found):  # it is over no limit, and under none
        raise _Broken("the price is no number, so no limit can be kept")
    if found < 0:  # what has been spent would count as earned
        raise _Broken("the price is less than nothing, so no limit can be kept")
    return found


async def _guarded(guard: TurnGuard, report: TurnReport) -> str | None:
    """Why the request is to halt, if it is.

    Raises:
        _Broken: the guard does not say.
    """
    outcome = await asked(guard, report)
    if not isinstance(outcome, Returned):
        raise _failed("turn_guard", outcome, report) from outcome.error
    match outcome.value:
        case GoOn():
            return None
        case Halt(reason):
            return reason
        case _:
            raise _Broken(f"the turn guard must return GoOn() or Halt(reason), not {type(outcome.value).__name__}")


def _failed(what: Literal["price", "turn_guard"], outcome: Raised, report: TurnReport) -> _Broken:
    """The sentence that the request ends with. The error's own text stays out of it, for it is kept: a guard sees the conversation, and may quote it."""
    reason = place_of(outcome.error)
    if what == "price":
        _log.warning("session.price_failed", session_id=report.session_id, error=reason)
    else:
        _log.warning("session.turn_guard_failed", session_id=report.session_id, error=reason)
    return _Broken(f"the {what.replace('_', ' ')} failed: {reason}")
