"""Whether the demo came out as it should: each check looks at what really happened, and a demo with a check that does not hold has failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from agentsup.demo.board import Row, totals
from agentsup.demo.inquiry import Call
from agentsup.demo.trouble import Mishap
from agentsup.ids import CallId
from agentsup.session.tool import Tool
from agentsup.talk.result import SessionResult


@attrs.frozen
class Check:
    """Something that should be so."""

    name: str
    """One word, for scripts."""

    holds: bool
    told: str
    """How it is, in one line."""


@attrs.frozen(kw_only=True)
class Evidence:
    """What the demo left to look at."""

    rows: tuple[Row, ...]
    expected: tuple[frozenset[str], ...] | None
    """The true answer of each row, before and after: two, where somebody worked in the folder meanwhile. None where an agent that
    thinks has put it in words of its own."""

    tools: tuple[Tool, ...]
    """To call directly."""

    left: tuple[str, ...]
    """What is alive and was not before."""


def check(evidence: Evidence) -> tuple[Check, ...]:
    """Everything that should be so, and whether it is."""
    return (
        _answered(evidence.rows),
        _true(evidence),
        _once(evidence.rows),
        *_survived(evidence),
        _nothing_left(evidence),
    )


def _answered(rows: Sequence[Row]) -> Check:
    count = totals(rows).answered
    failed = [f"{row.session_id}: {row.failure or row.state}" for row in rows if row.state != "answered"]
    return Check("answered", count == len(rows), with_those(f"{count} of {len(rows)} sessions answered", failed))


def _true(evidence: Evidence) -> Check:
    if evidence.expected is None:
        what = "agents were told what the tools give"
        wrong = [row.session_id for row in evidence.rows if not _was_told_truly(row, evidence.tools)]
    else:
        what = "answers are what the tools give"
        answers = zip(evidence.rows, evidence.expected, strict=True)
        wrong = [row.session_id for row, true in answers if row.result is None or row.result.text not in true]
    count = len(evidence.rows) - len(wrong)
    return Check("true", not wrong, with_those(f"{count} of {len(evidence.rows)} {what} when called directly", wrong))


def _was_told_truly(row: Row, tools: Sequence[Tool]) -> bool:
    if row.result is None or not row.result.text:
        return False
    calls = {use.call_id: Call(use.name, use.input) for use in row.result.tool_uses}
    names = {tool.name for tool in tools}
    return all(
        calls[call_id].directly(tools) == text
        for call_id, text, is_error in results_in(row.result)
        if not is_error and call_id in calls and calls[call_id].tool in names
    )


def _once(rows: Sequence[Row]) -> Check:
    wrong = [row.session_id for row in rows if row.result is not None and not is_once(row.result)]
    return Check("once", not wrong, with_those("every prompt and every tool result arrived exactly once", wrong))


def is_once(result: SessionResult) -> bool:
    """By the provider's history the prompt is there once, and one result for each call."""
    prompts = sum(raw.get("type") == "user.message" for raw in result.events)
    answers = Counter(call_id for call_id, _, _ in results_in(result))
    return prompts == 1 and answers == Counter(use.call_id for use in result.tool_uses)


def _survived(evidence: Evidence) -> list[Check]:
    """A real provider cannot be asked to break its streams, nor should its agent be troubled with a tool that raises."""
    sums = totals(evidence.rows)
    killed = f"restarts: {sums.restarts}; a session's task was killed, and a new one went on where it was"
    found = [Check("restarts", sums.restarts >= 1, killed)]
    if evidence.expected is not None:
        cut = f"reconnects: {sums.reconnects}; streams were cut, answers lost, a request refused"
        bugs = sum(
            _is_bug(text) for row in evidence.rows if row.result for _, text, error in results_in(row.result) if error
        )
        raised = f"tools that raised: {bugs}; the agent was told so, and called it again"
        found += [Check("reconnects", sums.reconnects >= 1, cut), Check("tools", bugs >= 1, raised)]
    return found


def _is_bug(text: str) -> bool:
    """Whether a tool's error tells of the bug put into it, and not of a file that cannot be read."""
    return Mishap.__name__ in text


def _nothing_left(evidence: Evidence) -> Check:
    return Check("left", not evidence.left, with_those("no task, socket or process is left", evidence.left))


def results_in(result: SessionResult) -> list[tuple[CallId, str, bool]]:
    """Call id, text and whether it was an error, of every tool result the provider has."""
    return [
        (CallId(str(raw.get("custom_tool_use_id"))), _text_in(raw), bool(raw.get("is_error")))
        for raw in result.events
        if raw.get("type") == "user.custom_tool_result"
    ]


def _text_in(raw: Mapping[str, Any]) -> str:
    return "".join(str(block.get("text", "")) for block in raw.get("content") or ())


def with_those(told: str, wrong: Sequence[str]) -> str:
    """The sentence, and those for whom it does not hold."""
    return f"{told}; not so: {', '.join(wrong)}" if wrong else told
