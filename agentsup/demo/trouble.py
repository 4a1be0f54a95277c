"""What goes wrong in the demo, on purpose. Which session is hit by what is fixed, so that every run shows the same."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final, Literal

import attrs

from agentsup.demo.house import House
from agentsup.session.tool import Tool


@attrs.frozen(kw_only=True)
class Trouble:
    """What one session has to go through."""

    task_dies: bool = False
    """Its task is killed in the middle of the work, as a bug in it would."""

    tool_raises: bool = False
    """One of its tools raises, once."""

    stream_breaks: Literal["cut", "eof"] | None = None
    """The provider breaks its event stream in the middle of a frame, or ends it cleanly in the middle of a turn."""


def troubles(houses: Sequence[House]) -> tuple[Trouble, ...]:
    """The trouble of each session, by where it lives: every kind at least once, however few there are.

    Streams break and tasks die at Claude Managed Agents only. Bedrock AgentCore shows no history: what is lost with a stream or with the task
    that listens to it is lost there, and the session's request ends with an error that says so. The first session lives at the former.
    """
    count = len(houses)
    dies, raises, ends = _claude_before(houses, 3), min(5, count - 1), _claude_before(houses, 7)
    return tuple(
        Trouble(
            task_dies=number == dies,
            tool_raises=number == raises,
            stream_breaks=_break(number, ends) if house == "claude" else None,
        )
        for number, house in enumerate(houses)
    )


def _claude_before(houses: Sequence[House], last: int) -> int:
    """The last session up to that one which lives at Claude Managed Agents."""
    return max(number for number, house in enumerate(houses[: last + 1]) if house == "claude")


def _break(number: int, ends: int) -> Literal["cut", "eof"] | None:
    if number == ends and number > 0:
        return "eof"
    return "cut" if number % 3 == 0 else None


FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"method": "POST", "path": "/v1/sessions", "mode": "after_reset"},
    {"method": "POST", "path": "/v1/sessions/*/events", "mode": "after_reset"},
    {"method": "GET", "path": "/v1/sessions/*/events/stream", "status": 529},
)
"""What the simulator is told to spoil, once each: a session that is made and never confirmed, an input that arrives and is never
confirmed, a provider that has too much to do."""


class Mishap(Exception):
    """The bug that one tool of the demo has."""


def raising_once(tool: Tool) -> Tool:
    """The tool, with a bug that shows in its first call and not again."""
    calls = iter([Mishap("a bug, put there by the demo")])

    @functools.wraps(tool.function)
    def function(*args: Any, **kwargs: Any) -> Any:
        for mishap in calls:
            raise mishap
        return tool.function(*args, **kwargs)

    return attrs.evolve(tool, function=function)
