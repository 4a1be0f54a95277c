"""A subscriber gets everything in order, or is told what it did not get, and never slows the publisher down."""

from __future__ import annotations

import signal

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.errors import SpecError
from agentsup.otp import parking
from agentsup.session.subscription import SubscriberTooSlow, Subscription, check_options
from agentsup.talk.events import Dropped, Noted, RequestEnded, SessionEnded, SessionEvent, TextDelta
from agentsup.talk.result import SessionResult

RESULT = SessionResult(terminal="end_turn", stop_reason=None, session_id="s")


class Feed:
    """A session's events, as a subscription sees them."""

    def __init__(self):
        self.has_to_be_read = False
        self.log = []
        self.offered = []
        self.subscriptions = []

    def subscribe(self, *, after=None, buffer=4, overflow="drop_oldest", wanted=None):
        subscription = Subscription(self, after=after, buffer=buffer, overflow=overflow, wanted=wanted)
        self.subscriptions.append(subscription)
        return subscription

    @property
    def published(self):
        return len(self.log)

    def recent(self, *, after):
        return None if self.has_to_be_read else tuple(self.log[after : after + 3])

    async def replay(self, *, after):
        await trio.lowlevel.checkpoint()
        return tuple(self.log[after : after + 3])

    def leave(self, subscription):
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)

    def publish(self, kind="event"):
        """An event, a request's end, a piece of text, or the session's end."""
        cursor = len(self.log) + (kind != "delta")
        body, result = {
            "event": (Noted(id=f"e{cursor}", raw={}), None),
            "end": (RequestEnded(request_id="r", terminal="end_turn"), RESULT),
            "delta": (TextDelta(message_id="m", text=f"d{len(self.offered)}"), None),
            "over": (SessionEnded(reason="closed"), None),
        }[kind]
        event = SessionEvent(cursor=cursor, session_id="s", at=0.0, body=body, result=result)
        if kind != "delta":
            self.log.append(event)
        self.offered.append(event)
        for subscription in tuple(self.subscriptions):
            subscription.offer(event)
        if kind == "over":
            for subscription in tuple(self.subscriptions):
                subscription.end()
        return event


def drain(subscription):
    """Everything that can be read without waiting."""
    found = []
    while (event := subscription._take()) is not None:
        found.append(event)
    return found


def cursors(events):
    return [event.cursor for event in events if not event.dropped]


# --- whatever happens ------------------------------------------------------------------------------------------------------------

MOVES = st.lists(st.sampled_from(["event", "event", "delta", "delta", "end", "read"]), max_size=60)


@settings(max_examples=200)
@given(
    moves=MOVES,
    buffer=st.integers(1, 5),
    overflow=st.sampled_from(["block", "drop_oldest", "drop_newest"]),
    before=st.integers(0, 4),
    replays=st.booleans(),
)
def test_delivered_and_dropped_are_what_was_offered(moves, buffer, overflow, before, replays):
    """Order is kept, terminals are all there, and the markers make up exactly what is missing."""
    feed = Feed()
    for _ in range(before):
        feed.publish()
    old = list(feed.log) if replays else []
    feed.offered.clear()
    subscription = feed.subscribe(after=0 if replays else None, buffer=buffer, overflow=overflow)
    got = drain(subscription) if replays else []

    for move in moves:
        if move == "read":
            event = subscription._take()
            got += [event] if event is not None else []
        else:
            feed.publish(move)
    got += drain(subscription)

    everything = [*old, *feed.offered]
    delivered = [event for event in got if not event.dropped]
    places = [next(i for i, e in enumerate(everything) if e is event) for event in delivered]
    assert places == sorted(set(places))
    assert len(delivered) + sum(event.dropped for event in got) == len(everything)
    assert subscription.statistics().dropped == sum(event.dropped for event in got)
    kept = [event for event in everything if overflow == "block" and not isinstance(event.body, TextDelta)]
    terminals = [event for event in everything if event.result is not None]
    assert all(any(event is had for had in delivered) for event in [*kept, *terminals])
    assert [event.cursor for event in got] == sorted(event.cursor for event in got)


@settings(max_examples=150)
@given(moves=MOVES, buffer=st.integers(1, 4), overflow=st.sampled_from(["drop_oldest", "drop_newest"]))
def test_markers_stand_exactly_where_something_is_missing(moves, buffer, overflow):
    """Between two events that are there, the marker counts those that are not."""
    feed = Feed()
    subscription = feed.subscribe(buffer=buffer, overflow=overflow)
    got = []
    for move in moves:
        if move == "read":
            event = subscription._take()
            got += [event] if event is not None else []
        else:
            feed.publish(move)
    got += drain(subscription)

    place = 0
    for event in got:
        if event.dropped:
            place += event.dropped
        else:
            assert event is feed.offered[place]
            place += 1
    assert place == len(feed.offered)


@settings(max_examples=100)
@given(before=st.integers(0, 6), after=st.integers(0, 6), late=st.lists(st.integers(0, 3), max_size=8))
def test_replay_and_live_meet_without_gap_or_double(before, after, late):
    """Whatever is published between two reads of the replay."""
    feed = Feed()
    for _ in range(before):
        feed.publish()
    subscription = feed.subscribe(after=min(after, before), buffer=100)

    got = []
    for count in late:
        for _ in range(count):
            feed.publish()
        event = subscription._take()
        got += [event] if event is not None else []
    got += drain(subscription)

    assert cursors(got) == list(range(min(after, before) + 1, len(feed.log) + 1))


# --- the policies, one by one ----------------------------------------------------------------------------------------------------


def test_drop_oldest_keeps_the_newest():
    """What is missing is told before what came after it."""
    feed = Feed()
    subscription = feed.subscribe(buffer=2, overflow="drop_oldest")
    for _ in range(5):
        feed.publish()

    got = drain(subscription)

    assert [(event.dropped, event.cursor) for event in got] == [(3, 0), (0, 4), (0, 5)]


def test_drop_newest_keeps_the_oldest():
    """What is missing is told behind them, also when nothing follows."""
    feed = Feed()
    subscription = feed.subscribe(buffer=2, overflow="drop_newest")
    for _ in range(5):
        feed.publish()

    got = drain(subscription)

    assert [(event.dropped, event.cursor) for event in got] == [(0, 1), (0, 2), (3, 2)]


async def test_disconnect_says_so_behind_what_was_buffered():
    """Rather no subscription than a hole in it."""
    feed = Feed()
    subscription = feed.subscribe(buffer=2, overflow="disconnect")
    for _ in range(3):
        feed.publish()

    assert [(await anext(subscription)).cursor for _ in range(2)] == [1, 2]
    for _ in range(2):
        with pytest.raises(SubscriberTooSlow):
            await anext(subscription)
    assert feed.subscriptions == []


def test_block_reads_on_from_the_journal():
    """No kept event is lost, whatever the buffer; pieces of text are, and are counted where they would have been."""
    feed = Feed()
    subscription = feed.subscribe(buffer=2, overflow="block")
    for kind in ("event", "delta", "delta", "delta", "event", "delta", "event"):
        feed.publish(kind)

    got = drain(subscription)

    assert [(event.type, event.cursor, event.dropped) for event in got] == [
        ("noted", 1, 0),
        ("text_delta", 1, 0),
        ("dropped", 1, 3),
        ("noted", 2, 0),
        ("noted", 3, 0),
    ]
    assert subscription.statistics().dropped == 3


@pytest.mark.parametrize("overflow", ["block", "drop_oldest", "drop_newest"])
def test_terminals_are_never_dropped(overflow):
    """The buffer goes over its bound rather."""
    feed = Feed()
    subscription = feed.subscribe(buffer=1, overflow=overflow)
    for kind in ("end", "event", "end", "delta", "end", "event", "over"):
        feed.publish(kind)

    types = [event.type for event in drain(subscription)]

    assert types.count("request_ended") == 3
    assert types[-1] == "session_ended"


def test_a_marker_carries_no_result():
    """It has the place of the event before it and nothing of the one behind it."""
    feed = Feed()
    subscription = feed.subscribe(buffer=1, overflow="drop_newest")
    for kind in ("event", "event", "end"):
        feed.publish(kind)

    marker = drain(subscription)[1]

    assert (marker.body, marker.result, marker.cursor) == (Dropped(count=1), None, 1)


def test_only_what_is_wanted_counts():
    """An event that is not asked for takes no room and is not missed."""
    feed = Feed()
    subscription = feed.subscribe(buffer=1, overflow="drop_newest", wanted=lambda event: event.result is not None)
    for kind in ("event", "event", "end"):
        feed.publish(kind)

    assert [event.type for event in drain(subscription)] == ["request_ended"]
    assert subscription.statistics().dropped == 0


def test_statistics_tell_how_far_behind():
    """Buffered, the most there ever was, and what was dropped."""
    feed = Feed()
    subscription = feed.subscribe(buffer=3)
    for _ in range(5):
        feed.publish()
    subscription._take()

    numbers = subscription.statistics()

    assert (numbers.buffered, numbers.high_water, numbers.dropped) == (3, 3, 2)
    assert repr(subscription) == "<Subscription live, 3 buffered, 2 dropped>"


# --- reading -------------------------------------------------------------------------------------------------------------------


async def test_a_reader_waits_for_the_next_event():
    """And is woken by it, not by a clock."""
    feed = Feed()
    got = []
    see = got.append

    async def read(subscription):
        async for event in subscription:
            see(event.cursor)

    async with feed.subscribe() as subscription, trio.open_nursery() as nursery:
        nursery.start_soon(read, subscription)
        await trio.testing.wait_all_tasks_blocked()
        feed.publish()
        await trio.testing.wait_all_tasks_blocked()
        assert got == [1]
        feed.publish("over")

    assert got == [1, 2]


async def test_cancelling_a_read_takes_nothing():
    """Waiting, or with something there: what was not returned is still to come."""
    feed = Feed()
    subscription = feed.subscribe()
    with trio.move_on_after(0):
        await anext(subscription)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(anext, subscription)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    feed.publish()
    with trio.CancelScope() as scope:
        scope.cancel()
        await anext(subscription)

    assert (await anext(subscription)).cursor == 1


def test_a_ctrl_c_while_a_read_begins_to_wait_hurts_nobody(monkeypatch):
    """Whoever publishes afterwards wakes no task that waits for something else, and the event is there for the next read."""
    got = []

    async def main():
        feed = Feed()
        subscription = feed.subscribe()
        wait = trio.lowlevel.wait_task_rescheduled

        def interrupted(abort):
            signal.raise_signal(signal.SIGINT)
            return wait(abort)

        with monkeypatch.context() as patch:
            for module in (trio.lowlevel, parking):
                patch.setattr(module, "wait_task_rescheduled", interrupted)
            with pytest.raises(KeyboardInterrupt):
                await anext(subscription)
        feed.publish()
        got.append((await anext(subscription)).cursor)

    trio.run(main)

    assert got == [1]


async def test_a_read_that_was_woken_and_then_cancelled_loses_nothing():
    """The event comes out of this read or of the next one."""
    feed = Feed()
    subscription = feed.subscribe()
    got = []

    async def read(task_status=trio.TASK_STATUS_IGNORED):
        with trio.CancelScope() as scope:
            task_status.started(scope)
            got.append((await anext(subscription)).cursor)

    async with trio.open_nursery() as nursery:
        scope = await nursery.start(read)
        await trio.testing.wait_all_tasks_blocked()
        feed.publish()
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        feed.publish("over")

    got += [event.cursor async for event in subscription]
    assert got == [1, 2]


async def test_reading_is_a_checkpoint():
    """A reader with plenty to read does not starve the others."""
    feed = Feed()
    subscription = feed.subscribe()
    feed.publish()

    with trio.testing.assert_checkpoints():
        await anext(subscription)


async def test_leaving_early_is_clean():
    """The publisher is left, what is buffered forgotten, and a read behind it ends."""
    feed = Feed()
    async with feed.subscribe() as subscription:
        feed.publish()
        feed.publish()
        async for _ in subscription:
            break

    assert feed.subscriptions == []
    assert [event async for event in subscription] == []


async def test_closing_ends_a_waiting_read():
    """Another task may close what one task reads."""
    feed = Feed()
    subscription = feed.subscribe()
    got = []

    async def read():
        got.extend([event async for event in subscription])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        subscription.close()

    assert got == []


async def test_one_task_reads():
    """A second reader is told, the first one not disturbed."""
    feed = Feed()
    subscription = feed.subscribe()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(anext, subscription)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await anext(subscription)
        feed.publish()


async def test_an_ended_session_can_still_be_read_to_its_end():
    """Replay and buffer first, then the end."""
    feed = Feed()
    for _ in range(3):
        feed.publish()
    subscription = feed.subscribe(after=1)
    feed.publish("over")

    assert [event.cursor async for event in subscription] == [2, 3, 4]


# --- options -------------------------------------------------------------------------------------------------------------------


def test_all_wrong_options_are_told_at_once():
    """Each with what would be right."""
    with pytest.raises(SpecError) as caught:
        check_options(-1, 0, "drop")

    assert [problem.path for problem in caught.value.problems] == ["after", "buffer", "overflow"]


@pytest.mark.parametrize("overflow", ["block", "drop_oldest", "drop_newest", "disconnect"])
def test_right_options_are_taken(overflow):
    """From now on, from the start, or behind a cursor."""
    for after in (None, 0, 7):
        check_options(after, 1, overflow)


async def test_nothing_is_shown_before_a_cursor_that_has_not_come(autojump_clock):
    """Whatever comes up to it is not behind it."""
    feed = Feed()
    feed.publish()
    subscription = feed.subscribe(after=3)
    for kind in ("event", "delta", "event", "delta", "event", "over"):
        feed.publish(kind)
    subscription.end()

    assert [(event.type, event.cursor) async for event in subscription] == [
        ("text_delta", 3),
        ("noted", 4),
        ("session_ended", 5),
    ]
