"""Whether the demo came out as it should: each check looks at what really happened, and a demo with a check that does not hold has failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from agentsup.demo.arrival import Arrived, Told, by_history
from agentsup.demo.board import Row, totals
from agentsup.demo.inquiry import Call
from agentsup.demo.trouble import Mishap
from agentsup.session.tool import Tool


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

    arrived: Mapping[str, Arrived] = attrs.field(factory=dict)
    """What arrived at the provider that shows no history, by its ids of the sessions."""

    def arrived_of(self, row: Row) -> Arrived:
        """What arrived of a session, wherever it lives."""
        if row.result is None:
            return Arrived(0, ())
        if row.house == "claude":
            return by_history(row.result)
        return self.arrived.get(str(row.result.provider_session_id), Arrived(0, ()))

    def told(self, row: Row) -> tuple[Told, ...]:
        """The tool results a session's agent was given."""
        return self.arrived_of(row).results


def check(evidence: Evidence) -> tuple[Check, ...]:
    """Everything that should be so, and whether it is."""
    return (
        _answered(evidence.rows),
        _true(evidence),
        _once(evidence),
        *_survived(evidence),
        _nothing_left(evidence),
    )


def _answered(rows: Sequence[Row]) -> Check:
    count = totals(rows).answered
    failed = [f"{row.session_id}: {row.failure or row.state}" for row in rows if row.state != "answered"]
    elsewhere = sum(row.house == "agentcore" for row in rows)
    where = f", {elsewhere} of them at Bedrock AgentCore" if elsewhere else ""
    return Check("answered", count == len(rows), with_those(f"{count} of {len(rows)} sessions answered{where}", failed))


def _true(evidence: Evidence) -> Check:
    if evidence.expected is None:
        what = "agents were told what the tools give"
        wrong = [row.session_id for row in evidence.rows if not _was_told_truly(evidence, row)]
    else:
        what = "answers are what the tools give"
        answers = zip(evidence.rows, evidence.expected, strict=True)
        wrong = [row.session_id for row, true in answers if row.result is None or row.result.text not in true]
    count = len(evidence.rows) - len(wrong)
    return Check("true", not wrong, with_those(f"{count} of {len(evidence.rows)} {what} when called directly", wrong))


def _was_told_truly(evidence: Evidence, row: Row) -> bool:
    if row.result is None or not row.result.text:
        return False
    calls = {use.call_id: Call(use.name, use.input) for use in row.result.tool_uses}
    names = {tool.name for tool in evidence.tools}
    return all(
        calls[call_id].directly(evidence.tools) == text
        for call_id, text, is_error in evidence.told(row)
        if not is_error and call_id in calls and calls[call_id].tool in names
    )


def _once(evidence: Evidence) -> Check:
    ended = [(row, row.result) for row in evidence.rows if row.result is not None]
    wrong = [row.session_id for row, result in ended if not evidence.arrived_of(row).is_once(result)]
    return Check("once", not wrong, with_those("every prompt and every tool result arrived exactly once", wrong))


def _survived(evidence: Evidence) -> list[Check]:
    """A real provider cannot be asked to break its streams, nor should its agent be troubled with a tool that raises."""
    sums = totals(evidence.rows)
    killed = f"restarts: {sums.restarts}; a session's task was killed, and a new one went on where it was"
    found = [Check("restarts", sums.restarts >= 1, killed)]
    if evidence.expected is not None:
        cut = f"reconnects: {sums.reconnects}; streams were cut, answers lost, a request refused"
        bugs = sum(_is_bug(told.text) for row in evidence.rows for told in evidence.told(row) if told.is_error)
        raised = f"tools that raised: {bugs}; the agent was told so, and called it again"
        found += [Check("reconnects", sums.reconnects >= 1, cut), Check("tools", bugs >= 1, raised)]
    return found


def _is_bug(text: str) -> bool:
    """Whether a tool's error tells of the bug put into it, and not of a file that cannot be read."""
    return Mishap.__name__ in text


def _nothing_left(evidence: Evidence) -> Check:
    return Check("left", not evidence.left, with_those("no task, socket or process is left", evidence.left))


def with_those(told: str, wrong: Sequence[str]) -> str:
    """The sentence, and those for whom it does not hold."""
    return f"{told}; not so: {', '.join(wrong)}" if wrong else told
