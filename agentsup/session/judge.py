"""Looking at a turn before the request goes on: the user's guard, and what the request has cost."""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import structlog

from agentsup.errors import SpecError
from agentsup.ids import RequestId, SessionId
from agentsup.loop import messages as msg
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


async def judge(spec: SessionSpec, report: TurnReport) -> msg.Judged:
    """What the price and the guard say of the turn. A guard or a price that raises, or answers something else, halts the request."""
    try:
        cost = None if spec.price is None else float(spec.price(report.usage))
        if cost is not None and math.isnan(cost):  # it is over no limit, and under none
            return msg.Judged(report.request_id, report.turns, halt="the price is no number, so no limit can be kept")
        if cost is not None and spec.limits.max_cost is not None and cost >= spec.limits.max_cost:
            limit = f"the request cost {cost:g}, and {spec.limits.max_cost:g} is its limit"
            return msg.Judged(report.request_id, report.turns, halt=limit, cost=cost, over=True)
        halt = None if spec.turn_guard is None else await _guarded(spec.turn_guard, attrs.evolve(report, cost=cost))
    except Exception as exc:  # noqa: BLE001  -- the border: the user's code fails, and the request ends for it
        # Its text stays out of the error and of the journal: a guard sees the conversation, and may quote it.
        error, where = type(exc).__name__, _where(exc)
        _log.warning("session.turn_guard_failed", session_id=report.session_id, error=error, where=where)
        return msg.Judged(report.request_id, report.turns, halt=f"the turn guard failed: {error} at {where}")
    return msg.Judged(report.request_id, report.turns, halt=halt, cost=cost)


def _where(error: BaseException) -> str:
    """The innermost place: file and line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


async def _guarded(guard: TurnGuard, report: TurnReport) -> str | None:
    answer = guard(report)
    if inspect.isawaitable(answer):
        answer = await answer
    match answer:
        case GoOn():
            return None
        case Halt(reason):
            return reason
        case _:
            return f"the turn guard must return GoOn() or Halt(reason), not {type(answer).__name__}"
