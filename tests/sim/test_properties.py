"""What holds for every script and every upload."""

from __future__ import annotations

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import sim
from agentsup.sim.claude.feed import Feed
from agentsup.sim.claude.multipart import read_parts
from agentsup.sim.directions import Echo, Misread
from agentsup.sim.exchange import Request
from agentsup.sim.faults import Fault, FaultBook
from agentsup.sim.pages import Cursors, Paging, cut_page
from agentsup.sim.script import read_script

from .kit import HEADERS, history, message, new_session, of_type, result, send

LINES = st.sampled_from(
    [
        "@say hello {results}",
        '@tool a {"n": 1}',
        "@tool b {}",
        '@server s {"x": 2}',
        '@ask q {"y": 3}',
        "@think hm",
        "@sleep 0.5",
        "@deltas 3 4",
        "@usage 5 6",
        "@error odd_error retrying",
        "@error odd_error exhausted",
        "@cut",
        "@eof",
        "@stale",
        "@stop end_turn",
        "@stop novel",
        "@frame x y",
        '@event {"type": "agent.novel"}',
        '@event {"type": "agent.message", "kind": 1, "self": 2, "content": "x"}',
        "@file out.txt words",
        "@thread child",
        "@verdict failed",
        "plain words",
    ]
)
SCRIPTS = st.one_of(
    st.lists(LINES, max_size=8).map("\n".join), st.text(max_size=40), st.text(max_size=20).map("@".__add__)
)


async def _answer_all(client, session):
    """Answers every open call until nothing waits; the history then."""
    while True:
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(1000)
        events = await history(client, session)
        idles = of_type(events, "session.status_idle")
        answered = {
            event.get("custom_tool_use_id", event.get("tool_use_id"))
            for event in events
            if event["type"].startswith("user.")
        }
        wanted = [] if not idles else idles[-1]["stop_reason"].get("event_ids", [])
        open_ids = [call_id for call_id in wanted if call_id not in answered]
        if not open_ids:
            return events
        kinds = {event["id"]: event["type"] for event in events}
        for call_id in open_ids:
            answer = (
                result({"id": call_id}, "R")
                if kinds[call_id] == "agent.custom_tool_use"
                else {"type": "user.tool_confirmation", "tool_use_id": call_id, "result": "allow"}
            )
            assert (await send(client, session, answer)).status_code == 200


@settings(max_examples=60)
@given(st.lists(SCRIPTS, min_size=1, max_size=3))
def test_every_script_ends_in_an_idle(scripts):
    """Whatever the messages say, no turn hangs: each ends in an idle, with its model calls closed and usage before it."""

    async def main():
        async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
            session = await new_session(client)
            await send(client, session, *[message(text) for text in scripts])
            return await _answer_all(client, session)

    events = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    kinds = [event["type"] for event in events]
    assert kinds[-1] == "session.status_idle"
    assert kinds.count("span.model_request_start") == kinds.count("span.model_request_end")
    assert all(event["processed_at"] for event in events)
    assert len({event["id"] for event in events}) == len(events)
    for place, kind in enumerate(kinds):
        assert kind != "session.status_idle" or kinds[place - 1] == "session.usage"


@given(st.text())
def test_reading_is_total(text):
    """Every text is a script: an echo of itself, or one direction per line that begins with @."""
    directions = read_script(text)

    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.startswith("@")]
    assert directions == (Echo(text),) if not lines else len(directions) == len(lines)


@given(st.text().filter(lambda text: "\n" not in text))
def test_unknown_words_are_misread(tail):
    """A word that is no direction is kept as it was written."""
    line = f"@unknown{tail}".removesuffix("\r")

    assert read_script(line) == (Misread(line),)


BOUNDARIES = st.text("abcdef0123456789", min_size=8, max_size=20)


@given(st.lists(st.binary(max_size=60), max_size=4), BOUNDARIES)
def test_uploads_keep_every_byte(contents, boundary):
    """The parts of a form come back byte for byte."""
    body = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="f%d"; filename="n.bin"\r\n\r\n%s\r\n'
        % (boundary.encode(), index, content)
        for index, content in enumerate(contents)
        if boundary.encode() not in content
    )
    kept = [content for content in contents if boundary.encode() not in content]
    headers = (("content-type", f'multipart/form-data; boundary="{boundary}"'),)

    request = Request("POST", "/v1/files", headers=headers, body=body + b"--%s--\r\n" % boundary.encode())

    assert [part.content for part in read_parts(request)] == kept


@given(
    st.lists(st.integers(0, 10**6), unique=True, max_size=30).map(sorted),
    st.integers(1, 7),
    st.sampled_from(["asc", "desc"]),
    st.booleans(),
)
def test_pages_cover_the_list(rows, limit, order, grow):
    """Walking forward sees every row once in order, walking back sees them again, though rows come in at the end."""
    cursors = Cursors()
    seen, cursor, back = [], None, None
    while True:
        page = cut_page(rows, lambda row: row, Paging("list", limit, order, cursor), cursors)
        seen.append(page.rows)
        cursor, back = page.next_page, page.prev_page
        if cursor is None:
            break
        if grow and order == "desc":
            rows = [*rows, rows[-1] + 1]
    original = [row for chunk in seen for row in chunk]
    for chunk in seen[-2::-1]:
        page = cut_page(rows, lambda row: row, Paging("list", limit, order, back), cursors)
        assert page.rows == chunk
        back = page.prev_page

    assert original == sorted(original, reverse=order == "desc")
    assert set(original) <= set(rows)


FIRST_STEPS = st.lists(st.sampled_from(["publish", "wait"]), min_size=3, max_size=8)
STEPS = st.lists(st.sampled_from(["publish", "wait", "settle", "page", "page"]), min_size=3, max_size=20)


@settings(max_examples=300)
@given(
    st.tuples(FIRST_STEPS, STEPS).map(lambda parts: parts[0] + parts[1]),
    st.integers(1, 2),
    st.sampled_from(["asc", "desc"]),
)
def test_a_walk_sees_every_event_once(steps, limit, order):
    """However events come in, wait and settle between two pages, a walk sees each of those it began with exactly once."""
    feed, cursors, waiting, made = Feed(), Cursors(), [], []
    seen, begun, page = [], None, None

    def turn_page():
        nonlocal begun, page
        if begun is None:
            begun = set(made)
        found = feed.page(Paging("list", limit, order, page), cursors, lambda _event: True)
        seen.extend(event["id"] for event in found.rows)
        page = found.next_page

    for step in steps:
        event = {"id": len(made), "type": "x", "processed_at": None}
        if step == "publish":
            made.append(feed.publish(event)["id"])
        elif step == "wait":
            waiting.append(feed.wait(event))
            made.append(event["id"])
        elif step == "settle" and waiting:
            feed.settle(waiting.pop(0), "now")
        elif step == "page" and (begun is None or page is not None):
            turn_page()
    while begun is None or page is not None:
        turn_page()

    assert len(set(seen)) == len(seen)
    assert begun <= set(seen)
    assert order == "asc" or set(seen) == begun


@given(
    st.lists(
        st.tuples(st.sampled_from(["any", "GET"]), st.sampled_from(["*", "/a", "/b*"]), st.integers(1, 3)), max_size=5
    )
)
def test_rules_are_used_in_order_and_used_up(rules):
    """Each request takes the first fitting rule that is left, until all are used up."""
    book = FaultBook()
    for method, path, times in rules:
        book.add(Fault(method=method, path=path, times=times, status=500))

    taken = []
    while (fault := book.take("GET", "/a")) is not None:
        taken.append((fault.method, fault.path, fault.times))

    fitting = [rule for rule in rules if rule[1] != "/b*"]
    assert taken == [rule for rule in fitting for _ in range(rule[2])]
