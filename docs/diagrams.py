"""Draws the session's states from the machine itself, so that the pictures cannot tell another story than the code.

`python docs/diagrams.py` writes `reference/session-states.svg` and `reference/session-transitions.md`; a test checks that they are up to date.

The machine is explored: from the first state, every message is tried in every state that differs in anything a decision can depend on, and
each event is applied by itself, so an arrow stands for the one event that moves the session from one state to the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.loop import messages as msg
from agentsup.loop.fold import apply, initial
from agentsup.loop.rules import Rules
from agentsup.loop.state import State
from agentsup.loop.step import step
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.tools import ToolResult, ToolUse

HERE = Path(__file__).parent / "reference"
PICTURE = HERE / "session-states.svg"
TABLE = HERE / "session-transitions.md"

RULES = Rules(max_turns=1, max_attempts=1, max_open_attempts=1)
"""Small limits, so that reaching them is found."""


@attrs.frozen(order=True)
class Arrow:
    """An event that moves a session, and the messages it was seen to follow from."""

    before: str
    event: str
    after: str


# --- exploring -----------------------------------------------------------------------------------------------------------------


def _news(*bodies: ev.Theirs) -> msg.News:
    return msg.News(bodies)


def messages_for(state: State) -> Iterator[msg.Message]:
    """Every kind of message that can reach a session in this state.

    Nobody hears of a session that the provider has not made, and one that left memory hears of nothing but what people say.
    """
    if state.token is None:
        yield msg.Start("token")
        yield msg.Start("token", existing="theirs")
        return
    yield from _from_people()
    yield msg.Revive("crash")
    yield msg.Revive("wanted", crashed=False)
    if not state.asleep:
        yield from _from_work(state)


def _from_people() -> Iterator[msg.Message]:
    for request in ("a", "b"):
        yield msg.Submit(RequestId(request), (Text(request),))
    yield msg.Steer(RequestId("word"), (Text("word"),))
    yield msg.Confirm(CallId("leave"), allow=True)
    yield msg.Interrupt()
    yield msg.Passivate()
    yield msg.Close()
    yield msg.Abort()


def _from_work(state: State) -> Iterator[msg.Message]:
    call = CallId("call")
    failure = ev.Failure(kind="provider", message="no")
    yield msg.Lost("cut")
    yield msg.Refused(failure, fatal=False)
    yield msg.Refused(failure, fatal=True)
    yield msg.ToolDone(ToolResult(call, "done"))
    yield msg.TimedOut(state.current.id if state.current is not None else RequestId("a"))
    yield msg.RestOverdue(state.last_stop or "none")
    yield msg.Undecided(CallId("leave"))
    if state.provider_session_id is None:
        yield msg.Opened("theirs")
        return
    yield msg.Attached()
    yield msg.Posted(tuple(item.key for item in state.outbox))
    yield _news(ev.Working(id=None, raw={}))
    yield _news(
        ev.Echoed(id=None, raw={}, kind="message", text=state.current.id if state.current is not None else None)
    )
    yield _news(
        ev.ToolAsked(id=None, raw={}, use=ToolUse(call, "tool")),
        ev.Waiting(id=None, raw={}, terminal="requires_action", stop_reason=None, asked=(call,)),
    )
    leave = CallId("leave")
    yield _news(
        ev.ServerToolUsed(id=None, raw={}, use=ToolUse(leave, "tool"), asks=True),
        ev.Waiting(id=None, raw={}, terminal="requires_action", stop_reason=None, asked=(leave,)),
    )
    yield _news(ev.Waiting(id=None, raw={}, terminal="requires_action", stop_reason=None, asked=(CallId("nobody's"),)))
    yield _news(ev.Waiting(id=None, raw={}, terminal="end_turn", stop_reason=None))
    yield _news(ev.Terminated(id=None, raw={}, stop_reason=None))


def sketch(state: State) -> tuple[object, ...]:
    """The state without what only counts: two states with the same sketch decide alike."""
    current = state.current
    return (
        state.token is None,
        state.provider_session_id is None,
        state.link,
        min(state.attempts, 2),
        tuple(accepted.request_id for accepted in state.queue),
        current and (current.id, current.taken_up, current.working, min(current.turns, 2)),
        tuple(item.key for item in state.outbox),
        tuple(sorted(state.sent)),
        tuple(sent.item.key for sent in state.unheard),
        tuple((key, call.ours, call.awaited, call.is_decided, call.queued) for key, call in state.calls.items()),
        state.at_work,
        state.asleep,
        state.idle and state.idle.terminal,
        state.stopping,
        state.terminated is not None,
        bool(state.answered),
        tuple(sorted(set(state.done))),
        state.closing,
        state.ended is not None,
        state.now.posting,
        tuple(state.now.running),
    )


def explore(*, limit: int = 4000) -> Iterator[tuple[State, msg.Message, tuple[ev.Kept, ...]]]:
    """What follows from every message in every state, breadth first, for the first `limit` states that differ."""
    first = initial(RULES)
    seen, waiting = {sketch(first)}, deque([first])
    visited = 0
    while waiting and visited < limit:
        state = waiting.popleft()
        visited += 1
        for message in messages_for(state):
            after = step(state, message)
            yield state, message, after.events
            key = sketch(after.state)
            if key not in seen:
                seen.add(key)
                waiting.append(after.state)


def arrows() -> tuple[dict[Arrow, set[str]], dict[Arrow, set[str]]]:
    """The arrows between the session's states, and those between its connection's, each with the messages behind it."""
    states: dict[Arrow, set[str]] = {}
    links: dict[Arrow, set[str]] = {}
    for before, message, events in explore():
        state = before
        for event in events:
            changed = apply(state, event)
            if changed.name != state.name:
                states.setdefault(Arrow(state.name, event.type, changed.name), set()).add(type(message).__name__)
            if changed.link is not state.link:
                links.setdefault(Arrow(state.link.value, event.type, changed.link.value), set()).add(
                    type(message).__name__
                )
            state = changed
    return states, links


# --- telling -------------------------------------------------------------------------------------------------------------------


def table(arrows_found: dict[Arrow, set[str]]) -> str:
    """The arrows as a Markdown table."""
    rows = ["| from | event | to | messages it follows from |", "|---|---|---|---|"]
    rows += [
        f"| `{arrow.before}` | `{arrow.event}` | `{arrow.after}` | {', '.join(f'`{name}`' for name in sorted(names))} |"
        for arrow, names in sorted(arrows_found.items())
    ]
    return "\n".join(rows)


# --- drawing -------------------------------------------------------------------------------------------------------------------

BOX = (140, 40)
STATES = {
    "opening": (130, 90),
    "running": (600, 90),
    "closed": (1050, 90),
    "awaiting_input": (640, 330),
    "idle": (200, 580),
    "awaiting_approval": (1050, 580),
    "passivated": (200, 740),
}
LINKS = {"opening": (1340, 90), "attaching": (1340, 420), "attached": (1780, 420), "gone": (1780, 90)}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.box{fill:#eef3fb;stroke:#3b5b92}.name{font-weight:600}"
    ".line{stroke:#555;fill:none}.label{font-size:11px;fill:#444}.back{fill:#fff;opacity:.85}"
)


def _edge(start: tuple[int, int], end: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where a line between two boxes leaves the first and meets the second; lines there and back run side by side."""
    (x1, y1), (x2, y2) = start, end
    dx, dy = x2 - x1, y2 - y1
    length = (dx * dx + dy * dy) ** 0.5
    ux, uy = dx / length, dy / length
    reach = min(BOX[0] / 2 / abs(ux) if ux else 1e9, BOX[1] / 2 / abs(uy) if uy else 1e9)
    side_x, side_y = -uy * 9, ux * 9
    return (
        x1 + ux * reach + side_x,
        y1 + uy * reach + side_y,
        x2 - ux * (reach + 6) + side_x,
        y2 - uy * (reach + 6) + side_y,
    )


FROM_MANY = 4
"""States from which an event leads to the same one before that is told in words: so many arrows would hide the others."""


def _from_many(found: dict[Arrow, set[str]]) -> dict[tuple[str, str], list[str]]:
    """Events that lead from many states to one, and those states."""
    ways: dict[tuple[str, str], list[str]] = {}
    for arrow in sorted(found):
        ways.setdefault((arrow.event, arrow.after), []).append(arrow.before)
    return {way: befores for way, befores in ways.items() if len(befores) >= FROM_MANY}


def _lines(places: dict[str, tuple[int, int]], found: dict[Arrow, set[str]]) -> Iterator[str]:
    between: dict[tuple[str, str], list[str]] = {}
    many = _from_many(found)
    for (event, after), befores in many.items():
        x, y = places[after]
        for row, words in enumerate((f"{event}, from", *befores)):
            yield f'<text class="label" x="{x}" y="{y + 38 + 14 * row}" text-anchor="middle">{words}</text>'
    for arrow in sorted(found):
        if (arrow.event, arrow.after) not in many:
            between.setdefault((arrow.before, arrow.after), []).append(arrow.event)
    for (before, after), labels in between.items():
        x1, y1, x2, y2 = _edge(places[before], places[after])
        yield f'<line class="line" x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" marker-end="url(#tip)"/>'
        # A third of the way, so that the labels of crossing lines keep apart.
        x, y = x1 + (x2 - x1) * 0.33, y1 + (y2 - y1) * 0.33
        for row, label in enumerate(labels):
            at = y + 14 * (row - (len(labels) - 1) / 2)
            width = 6.2 * len(label) + 6
            yield f'<rect class="back" x="{x - width / 2:.0f}" y="{at - 11:.0f}" width="{width:.0f}" height="14"/>'
            yield f'<text class="label" x="{x:.0f}" y="{at:.0f}" text-anchor="middle">{label}</text>'


def _boxes(places: dict[str, tuple[int, int]]) -> Iterator[str]:
    width, height = BOX
    for name, (x, y) in places.items():
        yield f'<rect class="box" x="{x - width / 2:.0f}" y="{y - height / 2:.0f}" width="{width}" height="{height}" rx="8"/>'
        yield f'<text class="name" x="{x}" y="{y + 5}" text-anchor="middle">{name}</text>'


def picture(states: dict[Arrow, set[str]], links: dict[Arrow, set[str]]) -> str:
    """Both machines side by side, as SVG."""
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1890 800" role="img">'
        "<title>The states of a session and of its connection, with the event behind each arrow</title>"
        f"<style>{STYLE}</style>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs><rect width="1890" height="800" fill="#fff"/>'
    )
    titles = '<text x="55" y="28">the session: info().state</text><text x="1260" y="28">its connection: info().connection</text>'
    body = [*_lines(STATES, states), *_lines(LINKS, links), *_boxes(STATES), *_boxes(LINKS)]
    return "\n".join([head, titles, *body, "</svg>", ""])


def files() -> dict[Path, str]:
    """What the files should hold."""
    states, links = arrows()
    text = f"**The session** (`info().state`)\n\n{table(states)}\n\n**Its connection** (`info().connection`)\n\n{table(links)}\n"
    return {PICTURE: picture(states, links), TABLE: text}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(path)
