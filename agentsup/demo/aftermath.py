"""What the second act left to look at, and whether it is as it should be: what had to happen did, and nothing happened twice."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping

import attrs

from agentsup.demo.arrival import by_history
from agentsup.demo.checks import Check, with_those
from agentsup.demo.ledger import TOLD_IN_DOUBT, TOOL, Entry, with_doubts
from agentsup.demo.report import Finished
from agentsup.talk.result import SessionResult


@attrs.define(eq=False)
class Life:
    """What one process came to."""

    pid: int
    asked: set[str] = attrs.field(factory=set)
    """The sessions whose prompt it said was durable."""

    finished: dict[str, Finished] = attrs.field(factory=dict)
    """What it said came of sessions."""

    status: int | None = None
    """Its exit status, negative for a signal; None while it lives."""


@attrs.frozen(kw_only=True)
class Aftermath:
    """What is left of both lives."""

    expected: Mapping[str, frozenset[str]]
    """The true answer of each session where no call is in doubt, before and after: two, where somebody worked in the folder meanwhile."""

    entries: int
    """Calls of the unsafe tool that the agents were told to make."""

    first: Life
    second: Life
    ledger: tuple[Entry, ...]
    left: tuple[str, ...]
    """What is there and was not before."""

    @property
    def unfinished(self) -> int:
        """Sessions that had no end yet when the first process was killed."""
        return len(self.expected) - len(self.first.finished)

    @property
    def results(self) -> dict[str, SessionResult]:
        """What the sessions came to, whoever saw it first, where they came to their end."""
        seen = {**self.second.finished, **self.first.finished}
        results = {session_id: seen[session_id].good for session_id in self.expected if session_id in seen}
        return {session_id: result for session_id, result in results.items() if result is not None}

    @property
    def in_doubt(self) -> frozenset[str]:
        """The unsafe calls of which the agent was told that nobody knows."""
        return frozenset(call for result in self.results.values() for call in _doubts(result))

    @property
    def written_before(self) -> int:
        """Entries from the process that was killed."""
        return sum(entry.pid == self.first.pid for entry in self.ledger)


def check_aftermath(found: Aftermath) -> tuple[Check, ...]:
    """Everything that should be so, and whether it is."""
    return (_killed(found), _finished(found), _faithful(found), _single(found), _unsafe(found), _gone(found))


def _killed(found: Aftermath) -> Check:
    holds = found.first.status == -signal.SIGKILL and found.unfinished > 0
    told = f"a process was killed (kill -9) while {found.unfinished} of {len(found.expected)} sessions were unfinished"
    status = found.first.status
    return Check("killed", holds, told if holds else f"{told}; it ended with status {status}")


def _finished(found: Aftermath) -> Check:
    wrong = [session_id for session_id in found.expected if session_id not in found.results]
    count = len(found.results)
    told = (
        f"{count} of {len(found.expected)} sessions finished, {len(found.second.finished)} of them in a second process"
    )
    return Check("finished", not wrong and found.second.status == 0, with_those(told, wrong))


def _faithful(found: Aftermath) -> Check:
    wrong = [session_id for session_id in found.expected if not _is_faithful(found, session_id)]
    count = len(found.expected) - len(wrong)
    told = f"{count} of {len(found.expected)} answers are what the tools give, or say which call is in doubt"
    return Check("faithful", not wrong, with_those(told, wrong))


def _is_faithful(found: Aftermath, session_id: str) -> bool:
    result = found.results.get(session_id)
    if result is None:
        return False
    doubts = _doubts(result)
    entries = [str(use.input["entry"]) for use in result.tool_uses if use.call_id in doubts]
    return result.text in {with_doubts(answer, entries) for answer in found.expected[session_id]}


def _single(found: Aftermath) -> Check:
    wrong = [session_id for session_id, result in found.results.items() if not by_history(result).is_once(result)]
    return Check("single", not wrong, with_those("over both every prompt and tool result arrived exactly once", wrong))


def _unsafe(found: Aftermath) -> Check:
    """Not only that nothing is in the ledger twice: what an agent was told is written must be, and a kill that cut nothing off proves nothing."""
    counts = Counter(entry.call_id for entry in found.ledger)
    texts = Counter(entry.text for entry in found.ledger)
    twice = sum(count > 1 for count in texts.values()) or sum(count > 1 for count in counts.values())
    calls = {use.call_id for result in found.results.values() for use in result.tool_uses if use.name == TOOL}
    missing = calls - counts.keys() - found.in_doubt
    unasked = counts.keys() - calls
    told = (
        f"calls of the tool marked unsafe: {len(found.ledger)} by the ledger, {twice or 'none'} of them twice; "
        f"in doubt: {len(found.in_doubt)}, and the agent was told so"
    )
    wrong = [f"{len(missing)} are missing"] * bool(missing) + [f"{len(unasked)} were not asked for"] * bool(unasked)
    holds = not twice and not wrong and len(calls) == found.entries and bool(found.in_doubt)
    return Check("unsafe", holds, with_those(told, wrong))


def _gone(found: Aftermath) -> Check:
    return Check("gone", not found.left, with_those("no process, socket or file of the second act is left", found.left))


def _doubts(result: SessionResult) -> frozenset[str]:
    told = by_history(result).results
    return frozenset(call_id for call_id, text, is_error in told if is_error and text == TOLD_IN_DOUBT)
