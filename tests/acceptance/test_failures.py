"""Every failing answer at everything a session asks for, once and for ever: there is an end or a sign, and nothing is doubled or lost.

One test per thing that is asked for; what must come of it is reckoned from the status and the server's own word by a table that is written
here, and not taken from the code.
"""

from __future__ import annotations

import pytest
import structlog.testing
import trio
import trio.testing

import agentsup

from .peer import answer, does, later, peer, says
from .test_bytes import session

STATUSES = (302, 400, 401, 404, 408, 409, 422, 429, 500, 529)
"""One of each kind that makes a difference anywhere; all of them are looked at in `tests/providers/test_http_errors.py`."""

WORDS = (None, "true", "false")
BODIES = (
    ({"type": "error", "error": {"type": "some_error", "message": "no"}}, "application/json"),
    (b"<html>Something went wrong</html>", "text/html"),
    (b"", "text/plain"),
)
NONSENSE = (answer(200, b"<html>sign in</html>", kind="text/html"), answer(200, {"status": "ok"}), answer(200))

PASSES, THIS, ALL = "it passes", "not this", "not the session"


def cases():
    """Status, the server's word and the bytes; bodies and Retry-After go round, so that each status meets each of them."""
    for place, status in enumerate(STATUSES):
        for turn, word in enumerate(WORDS):
            body, kind = BODIES[(place + turn) % len(BODIES)]
            headers = [f"x-should-retry: {word}"] if word else []
            headers += ["retry-after: 7"] if (place + turn) % 2 else []
            yield status, word, answer(status, body, *headers, kind=kind)
    for data in NONSENSE:
        yield None, None, data


def meaning(status, word):
    """What the service says by it."""
    if status is None:
        return PASSES
    passing = status >= 500 or status in (408, 409, 425, 429)
    retried = passing if word is None else word == "true"
    if retried:
        return PASSES
    return ALL if status in (302, 401, 402, 403, 404) else THIS


def is_about_what_was_sent(status):
    """Rather than about how the service is."""
    return status is not None and 400 <= status < 500 and status != 429


class Always(list):
    """The same, however often it is asked for."""

    def pop(self, index=-1):
        return self[0]


# --- what a session asks for -------------------------------------------------------------------------------------------------------


async def ask_for_leave(ref):
    async def allow():
        (call,) = (await ref.info()).pending_approvals
        await ref.confirm(call.call_id, allow=True)

    await meanwhile(ref.submit("ask"), allow)


async def interrupt(ref):
    await meanwhile(ref.submit("hang"), ref.interrupt)


async def meanwhile(asking, does_something):
    """What is asked for, with something done while it runs; it raises what the former raises."""
    raised = []

    async def ask():
        try:
            await asking
        except agentsup.AgentsupError as exc:
            raised.append(exc)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        await does_something()
    for exc in raised:
        raise exc


ASKING = {
    "message": lambda ref: ref.submit("hi"),
    "result": lambda ref: ref.submit("tool 2"),
    "confirm": ask_for_leave,
    "interrupt": interrupt,
    "raw": lambda ref: ref.send_event({"type": "system.message", "content": [{"type": "text", "text": "x"}]}),
    "change": lambda ref: ref.configure(title="Orders"),
    "stream": lambda ref: ref.submit("hi"),
    "list": lambda ref: ref.submit("hi"),
}


async def came_of(asking):
    """In a word, and the status that came with it."""
    try:
        await asking
    except agentsup.ProviderFailed as exc:
        return "refused", exc.status
    except agentsup.RequestTimeout:
        return "timed out", None
    except agentsup.Interrupted:
        return "interrupted", None
    return "done", None


def wanted(kind, status, word, *, always):
    """What must come of it, and whether the session lives."""
    said = meaning(status, word)
    if kind == "list" and not always and said != PASSES and status in (400, 404, 422):
        return {"done"}, True  # an older service, that does not know how to list a part: all of it is listed
    if kind == "change" and said == ALL:
        return {"refused"}, True  # whoever asked for it is told, and the session is not doubted
    if said == ALL:
        return {"interrupted" if kind == "interrupt" else "refused"}, False
    if kind == "interrupt":
        return {"interrupted"}, True
    if kind in ("stream", "list"):  # of a session that had one before
        return ({"timed out" if always else "done"}, True) if said == PASSES else ({"refused"}, False)
    if said == THIS:
        again = kind in ("result", "confirm") and not always and status not in (409, 500, 503, 529)
        return {
            "done" if again else "refused"
        }, True  # somebody else might have answered: the history is asked, and it is sent once more
    if not always:
        return {"done"}, True
    waits = kind in ("message", "result", "confirm") and not is_about_what_was_sent(status)
    return {"timed out" if waits else "refused"}, True


async def check_ends(ref):
    """Each request that was accepted has its one end."""
    accepted, ended = [], []
    async with ref.subscribe(after=0, buffer=100_000) as events:
        with trio.move_on_after(1):
            async for event in events:
                if event.type == "accepted":
                    accepted.append(event.body.request_id)
                elif event.type == "request_ended":
                    ended.append(event.body.request_id)
    assert sorted(accepted) == sorted(ended)


async def check(kind, status, word, data, *, always):
    """One session meets it, and is asked for something more when it is over."""
    async with peer() as service, session(service, timeout=120.0) as ref:
        assert (await ref.submit("before")).text == "re: before"
        with structlog.testing.capture_logs() as logs:
            service.faults[kind] = (Always if always else list)([says(data)])
            if kind in ("stream", "list"):
                service.cut()
                await trio.testing.wait_all_tasks_blocked()
            outcomes, lives = wanted(kind, status, word, always=always)
            # A session that is over refuses what is asked; it may be over before that.
            try:
                came, with_status = await came_of(ASKING[kind](ref))
            except agentsup.SessionClosed:
                came, with_status = "refused", status
            assert came in outcomes
            assert came != "refused" or with_status == status
            await trio.sleep(30)  # what was to be said over there has been tried
            info = await ref.info()
            assert (info.state != "closed") is lives
            assert came == "done" or kind in ("raw", "change", "interrupt") or logs
            assert lives or info.last_error
        service.faults.clear()
        if lives:
            assert (await ref.submit("again")).text == "re: again"
            told = service.told()
            assert told.count("message again") == 1
            assert came != "done" or kind not in ("message", "stream", "list") or told.count("message hi") == 1
            assert kind != "interrupt" or always or told.count("interrupt") == (meaning(status, word) == PASSES)
            said = [each for each in told if each != "interrupt"]
            assert len(said) == len(set(said))
        await check_ends(ref)


@pytest.mark.parametrize("always", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("kind", ASKING)
async def test_whatever_it_is_asked_for(kind, always, autojump_clock):
    """An end with the status as data or a wait with a limit, and a session that is usable or says why it is not."""
    for status, word, data in cases():
        try:
            await check(kind, status, word, data, always=always)
        except BaseException as exc:
            exc.add_note(f"{kind}, {'for ever' if always else 'once'}: {status}, x-should-retry {word}: {data[:300]!r}")
            raise


@pytest.mark.parametrize("always", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("kind", ["create", "search", "stream", "list"])
async def test_whatever_a_start_meets(kind, always, autojump_clock):
    """It comes about, with one session over there, or fails with the status: an address that never answers is not tried for ever."""
    for status, word, data in cases():
        async with peer() as service:
            service.faults[kind] = (Always if always else list)([says(data)])
            if kind == "search":
                service.faults["create"] = [does(then="reset")]
            if meaning(status, word) == PASSES and not always:
                async with session(service) as ref:
                    assert (await ref.submit("hi")).text == "re: hi"
            else:
                with pytest.raises(agentsup.ProviderFailed) as caught:
                    async with session(service):
                        pass
                assert caught.value.status == (status if meaning(status, word) != PASSES else None)
                assert status is None or str(status) in str(caught.value)
            assert len(service.sessions) <= 1
        assert service.connections == 0


@pytest.mark.parametrize("kind", ["message", "result", "confirm", "raw", "change"])
@pytest.mark.parametrize(("status", "word"), [(500, "false"), (503, "false"), (409, "false"), (409, None)])
async def test_what_was_done_and_refused_all_the_same_is_not_lost(kind, status, word, autojump_clock):
    """The history decides, whatever the answer was: the request goes on, and nothing is sent again."""
    headers = [f"x-should-retry: {word}"] if word else []
    async with peer() as service, session(service) as ref:
        service.faults[kind] = [does(answer(status, b"", *headers))]
        came, _ = await came_of(ASKING[kind](ref))
        # No history shows a change; to say it twice would come to the same, and here it was not to be said twice.
        assert came == ("refused" if kind == "change" and word else "done")
        told = service.told()
        assert len(told) == len(set(told))
        assert (await ref.submit("again")).text == "re: again"


async def test_a_stream_that_is_refused_says_nothing_about_what_is_on_its_way(autojump_clock):
    """A POST that is not answered yet is not taken for refused because the session is: it may arrive."""
    async with peer() as service, session(service) as ref:
        service.faults["message"] = [later(20.0, breaks=False)]
        service.faults["stream"] = [says(answer(400))]

        async def cut():
            service.cut()

        with pytest.raises(agentsup.ProviderFailed) as caught:
            await meanwhile(ref.submit("hi"), cut)
        assert caught.value.status == 400
        assert (await ref.info()).state == "closed"
        await trio.sleep(60)
        assert service.told() == ["message hi"]
