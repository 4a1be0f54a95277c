"""Topics, to actors and to tasks."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Store, child, crash

A, B = otp.Name("a"), otp.Name("b")


class Member(Store):
    """Does with a PubSub what it is told."""

    async def handle_call(self, request, caller):
        if request == "get":
            return otp.Reply(list(self.state))
        pubsub, verb, *args = request
        return otp.Reply(getattr(pubsub, verb)(*args))


class Narrow(Member):
    """Has room for two."""

    mailbox = otp.MailboxSpec(2, "drop_newest")


@pytest.fixture
async def rt():
    async with otp.open_runtime(NO_LIMIT, [child(Member), child(Member, "b"), child(Narrow, "narrow")]) as runtime:
        yield runtime


@pytest.fixture
def pubsub():
    return otp.PubSub("test")


async def test_broadcast(rt, pubsub):
    """R6: what is said on a topic reaches everybody who subscribed to it, in order, as plain messages, and nobody else."""
    await otp.call(A, (pubsub, "subscribe", "news"))
    await otp.call(B, (pubsub, "subscribe", "news"))
    await otp.call(B, (pubsub, "subscribe", "sports"))
    reached = [pubsub.broadcast("news", n) for n in range(3)]
    pubsub.broadcast("sports", "goal")

    assert reached == [2, 2, 2]
    assert await otp.call(A, "get") == [0, 1, 2]
    assert await otp.call(B, "get") == [0, 1, 2, "goal"]
    assert pubsub.broadcast("nobody", "hears") == 0


async def test_twice(rt, pubsub):
    """Who subscribes twice hears twice; one unsubscribe ends both, and a further one is nothing."""
    for verb in ("subscribe", "subscribe"):
        await otp.call(A, (pubsub, verb, "news"))
    pubsub.broadcast("news", 1)
    for verb in ("unsubscribe", "unsubscribe"):
        await otp.call(A, (pubsub, verb, "news"))
    pubsub.broadcast("news", 2)

    assert await otp.call(A, "get") == [1, 1]


async def test_strict_topics(rt, pubsub):
    """R1: topics are compared strictly, for actors and for tasks."""
    pubsub.subscribe(1, owner=rt.names.whereis("a"))
    async with pubsub.listen(True) as heard:
        reached = [pubsub.broadcast(topic, "x") for topic in (1, True, 1.0)]

        assert reached == [1, 1, 0]
        assert heard.receive_nowait() == "x"


async def test_not_to_myself(rt, pubsub):
    """broadcast_from leaves out the actor that says it, or the sender that is named; a plain task has to name one."""
    for dest in (A, B):
        await otp.call(dest, (pubsub, "subscribe", "news"))
    own = await otp.call(A, (pubsub, "broadcast_from", "news", 1))
    pubsub.broadcast_from("news", 2, sender=rt.names.whereis("b"))

    assert own == 1
    assert await otp.call(A, "get") == [2]
    assert await otp.call(B, "get") == [1]
    with pytest.raises(otp.NotAnActor):
        pubsub.broadcast_from("news", 3)


async def test_death_unsubscribes(rt, pubsub):
    """R4: subscriptions end with their owner."""
    await otp.call(A, (pubsub, "subscribe", "news"))
    await crash(rt.names.whereis("a"))

    assert pubsub.broadcast("news", 1) == 0
    assert pubsub.subscribers("news") == []


async def test_listening_tasks(rt, pubsub):
    """A task reads a topic from a channel of its own, until it leaves or closes it; then nothing of it is left."""
    heard = []

    async def listen(task_status):
        async with pubsub.listen("news") as news:
            task_status.started(news)
            heard.extend([message async for message in news])

    async with trio.open_nursery() as nursery:
        news = await nursery.start(listen)
        await otp.call(A, (pubsub, "broadcast_from", "news", 1))
        pubsub.broadcast("news", 2)
        await wait_all_tasks_blocked()
        news.close()
        pubsub.broadcast("news", 3)

    assert heard == [1, 2]
    assert pubsub._listening == {}


async def test_slow_listener(pubsub):
    """A lagging task loses by its own policy, visibly, and holds nobody up."""
    oldest = pubsub.listen("news", 2)
    newest = pubsub.listen("news", 2, overflow="drop_newest")
    cut = pubsub.listen("news", 2, overflow="disconnect")
    reached = [pubsub.broadcast("news", n) for n in range(4)]

    assert [oldest.receive_nowait(), oldest.receive_nowait()] == [2, 3]
    assert [newest.receive_nowait(), newest.receive_nowait()] == [0, 1]
    assert (oldest.dropped, newest.dropped, cut.dropped) == (2, 2, 1)
    assert [cut.receive_nowait(), cut.receive_nowait()] == [0, 1]
    with pytest.raises(otp.Disconnected):
        cut.receive_nowait()
    assert reached == [3, 3, 3, 2]


async def test_slow_actor(rt, pubsub):
    """What an actor's full mailbox does not take is counted there, and the others are reached."""
    ref = rt.names.whereis("narrow")
    for owner in (ref, rt.names.whereis("a")):
        pubsub.subscribe("news", owner=owner)
    for n in range(4):
        pubsub.broadcast("news", n)
    await rt.quiesce()
    narrow = next(each for each in rt.snapshot().root.children if each.id == "narrow")

    assert await otp.call(ref, "get") == [0, 1]
    assert narrow.mailbox.dropped == 2
    assert await otp.call(A, "get") == [0, 1, 2, 3]


async def test_dispatcher(rt):
    """R6: who gets what is a function of the caller's choice, for all broadcasts or for one; what it raises is raised at the broadcast."""

    def to_admins(subscribers, message):
        for each in subscribers:
            if each.value == "admin":
                each.deliver(message)

    def fail(subscribers, message):
        raise ZeroDivisionError

    pubsub = otp.PubSub(dispatcher=to_admins)
    pubsub.subscribe("news", "admin", owner=rt.names.whereis("a"))
    pubsub.subscribe("news", "guest", owner=rt.names.whereis("b"))
    pubsub.broadcast("news", 1)
    pubsub.broadcast("news", 2, dispatcher=lambda all, message: [each.deliver(message) for each in all])
    with pytest.raises(ZeroDivisionError):
        pubsub.broadcast("news", 3, dispatcher=fail)

    assert pubsub.broadcast("nobody", 4, dispatcher=fail) == 0
    assert await otp.call(A, "get") == [1, 2]
    assert await otp.call(B, "get") == [2]


async def test_dispatcher_sees_everybody(rt, pubsub):
    """A dispatcher sees actors with ref and value, tasks without; delivering says whether there was room."""
    a, narrow = rt.names.whereis("a"), rt.names.whereis("narrow")
    pubsub.subscribe("news", 7, owner=a)
    pubsub.subscribe("news", 8, owner=narrow)
    seen, took = [], []

    def look(subscribers, message):
        seen.extend((each.ref, each.value) for each in subscribers)
        took.extend(subscribers[1].deliver(message) for _ in range(3))

    async with pubsub.listen("news"):
        pubsub.broadcast("news", "x", dispatcher=look)
        pubsub.broadcast_from("news", "x", sender=a, dispatcher=lambda all, _: seen.extend(each.ref for each in all))

    assert seen == [(a, 7), (narrow, 8), (None, None), narrow, None]
    assert took == [True, True, False]


@pytest.mark.parametrize(("buffer", "overflow"), [(0, "drop_oldest"), (1, "block")])
def test_bad_listening(pubsub, buffer, overflow):
    """A channel without room, or with an unknown policy, is refused and nothing listens."""
    with pytest.raises(SpecError):
        pubsub.listen("news", buffer, overflow=overflow)

    assert pubsub._listening == {}


def test_bad_dispatchers(pubsub):
    """A dispatcher is a function, and said so before it is needed."""
    with pytest.raises(SpecError, match="dispatcher: a str hands nothing out"):
        otp.PubSub(dispatcher="all")
    with pytest.raises(SpecError, match="dispatcher: a list"):
        pubsub.broadcast("news", 1, dispatcher=[])


async def test_as_a_child():
    """R4: a PubSub can be a named child; when its process ends, its subscribers are restarted with it and its channels end."""
    pubsub = otp.PubSub("talk")
    flags = otp.SupFlags("rest_for_one", intensity=9, backoff=otp.Backoff(base=0, cap=0))
    async with otp.open_runtime(flags, [pubsub.child(), child(Member)]) as runtime:
        await otp.call(A, (pubsub, "subscribe", "news"))
        news = pubsub.listen("news")
        a = runtime.names.whereis("a")
        otp.exit(runtime.names.whereis("talk"), otp.Killed())
        await otp.wait_down(a)
        await runtime.names.until("a")
        await otp.call(A, (pubsub, "subscribe", "news"))

        assert [item async for item in news] == []
        assert pubsub.broadcast("news", 1) == 1
        assert await otp.call(A, "get") == [1]
    with pytest.raises(otp.RegistryClosed):
        pubsub.listen("news")
    assert repr(pubsub) == "<PubSub talk, 0 actors' and 0 tasks' subscriptions>"
