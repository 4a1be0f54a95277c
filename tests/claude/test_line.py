"""What is repeated, what is never, and what becomes of failures."""

from __future__ import annotations

import gc

import httpx
import pytest
import structlog.testing
import trio
from hypothesis import given
from hypothesis import strategies as st

from agentsup import claude
from agentsup.claude.errors import BY_STATUS, class_for
from agentsup.control.retries import LONGEST_WAIT, Retries, worth_repeating
from agentsup.errors import AgentsupError, SpecError

from .kit import client_answered, refusal

AGENT = {"id": "agent_1", "type": "agent", "name": "a", "version": 1}


def ok(body=AGENT):
    return httpx.Response(200, json=body)


async def get(client):
    return await client.agents.get("agent_1")


async def create(client):
    return await client.agents.create(name="a", model="m")


async def archive(client):
    return await client.agents.archive("agent_1")


SENT = [httpx.ReadError("x"), httpx.WriteError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")]
UNSENT = [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")]
FAILED = [refusal(500), refusal(502), refusal(503), refusal(529, "overloaded_error")]


def _label(value):
    return getattr(value, "status_code", None) or type(value).__name__


@pytest.mark.parametrize("verb", [get, archive])
@pytest.mark.parametrize("failure", [*SENT, *UNSENT, *FAILED, refusal(429), refusal(408)], ids=_label)
async def test_what_may_be_done_twice_is_repeated(verb, failure, autojump_clock):
    """A failure that may pass is asked about again, where doing it twice comes to the same."""
    async with client_answered(failure, failure, ok()) as (client, seen):
        found = await verb(client)

    assert (found.id, len(seen)) == ("agent_1", 3)


@pytest.mark.parametrize("failure", [*SENT, *FAILED], ids=_label)
async def test_a_create_is_never_repeated_blindly(failure, autojump_clock):
    """After a failure that says nothing about what was done, a create is the caller's to look into: the error says so."""
    async with client_answered(failure, ok()) as (client, seen):
        with pytest.raises(claude.ApiError) as error:
            await create(client)

    assert (error.value.ambiguous, len(seen)) == (True, 1)


@pytest.mark.parametrize("failure", [*UNSENT, refusal(429), refusal(408)], ids=_label)
async def test_a_create_that_cannot_have_happened_is_repeated(failure, autojump_clock):
    """What never went out, or was refused before it was looked at, is asked again."""
    async with client_answered(failure, ok()) as (client, seen):
        found = await create(client)

    assert (found.id, len(seen)) == ("agent_1", 2)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 412, 413, 422])
async def test_a_refusal_stands(status):
    """What would be answered the same again is not asked again; each status has its class."""
    async with client_answered(refusal(status, "some_error", code="some_code")) as (client, seen):
        with pytest.raises(BY_STATUS[status]) as error:
            await get(client)

    said = error.value
    assert (said.status, said.type, said.error_code, said.request_id) == (status, "some_error", "some_code", "req_1")
    assert (said.ambiguous, len(seen)) == (False, 1)


@pytest.mark.parametrize(
    ("verb", "status", "word", "times"), [(create, 500, "true", 2), (get, 500, "false", 1), (get, 409, "true", 2)]
)
async def test_the_servers_word_goes_first(verb, status, word, times, autojump_clock):
    """`x-should-retry` decides, whatever status and method say."""
    async with client_answered(refusal(status, x_should_retry=word), ok()) as (client, seen):
        if times == 1:
            with pytest.raises(claude.ServerError):
                await verb(client)
        else:
            await verb(client)

    assert len(seen) == times


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "1500", "retry_after": "60"}, 1.5),
        ({"retry_after": "Wed, 25 Nov 2026 10:00:10 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 10.0),
    ],
)
async def test_the_server_is_left_alone_for_as_long_as_it_says(headers, waited, autojump_clock):
    """Retry-After in seconds, milliseconds or as a date is a floor under our own delay."""
    async with client_answered(refusal(429, **headers), ok()) as (client, _):
        before = trio.current_time()
        await get(client)

    assert waited <= trio.current_time() - before <= waited + 0.51


async def test_a_long_wait_is_the_callers(autojump_clock):
    """Who is told to stay away for more than a minute hears of it at once."""
    async with client_answered(refusal(429, retry_after="61")) as (client, _):
        with pytest.raises(claude.RateLimited) as error:
            await get(client)

    assert (error.value.retry_after, trio.current_time()) == (61.0, trio.current_time())


async def test_repetitions_end(autojump_clock):
    """Two by default, else as many as were asked for; the last failure is the error."""
    async with client_answered(*[refusal(503)] * 3) as (client, seen):
        with pytest.raises(claude.ServerError):
            await get(client)
        assert len(seen) == 3
    async with client_answered(refusal(503), max_retries=0) as (client, seen):
        with pytest.raises(claude.ServerError):
            await get(client)
        assert len(seen) == 1


async def test_a_repeated_delete_that_finds_nothing_is_done(autojump_clock):
    """The first delete's answer was lost; that the thing is gone is what was wanted. At first sight it is NotFound."""
    async with client_answered(httpx.ReadError("x"), refusal(404)) as (client, _):
        deleted = await client.sessions.delete("sesn_1")
    async with client_answered(refusal(404)) as (client, _):
        with pytest.raises(claude.NotFound):
            await client.sessions.delete("sesn_1")

    assert deleted == claude.Deleted(id="sesn_1")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b'{"id": '),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"type": "agent"}),
        httpx.Response(200, json={"id": 5}),
        httpx.Response(200, json={"id": "agent_1", "tools": {"a": 1}, "version": "1"}),
    ],
)
async def test_an_answer_that_makes_no_sense(answer, autojump_clock):
    """It is an error that names every wrong field; of a create nobody knows, so it says that."""
    async with client_answered(answer) as (client, seen):
        with pytest.raises(claude.UnreadableAnswer, match="creating an agent: ") as error:
            await create(client)

    assert (error.value.ambiguous, len(seen)) == (True, 1)


async def test_every_wrong_field_is_named():
    """All at once, with paths, without their values."""
    body = {"id": "agent_1", "tools": {"secret": 1}, "version": "1", "model": {"id": 3}}
    async with client_answered(ok(body)) as (client, _):
        with pytest.raises(claude.UnreadableAnswer) as error:
            await get(client)

    assert "$.version" in str(error.value)
    assert "$.model.id" in str(error.value)
    assert "$.tools" in str(error.value)
    assert "secret" not in str(error.value)


async def test_keys_stay_out_of_errors_and_logs(autojump_clock):
    """Should a server quote the key, we do not; neither do errors, reprs and reports."""
    said = refusal(503, message="the key sk-test is tired")
    async with client_answered(said, said, said) as (client, _):
        with structlog.testing.capture_logs() as logs, pytest.raises(claude.ServerError) as error:
            await get(client)
        shown = f"{error.value!r} {error.value} {logs} {client!r} {client.agents!r}"

    assert len(logs) == 2
    assert "sk-test" not in shown
    assert "the key [the API key] is tired" in shown


async def test_words_are_short_and_without_the_key():
    """What stands where a word should is cut and searched like the message."""
    said = refusal(400, kind="sk-test" + "t" * 5000, code="sk-test", request_id="sk-test" + "r" * 5000)
    async with client_answered(said) as (client, _):
        with pytest.raises(claude.BadRequest) as error:
            await get(client)
    shown = f"{error.value!r} {error.value} {vars(error.value)}"

    assert "sk-test" not in shown
    assert error.value.error_code == "[the API key]"
    assert len(shown) < 1500


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"api_key": "k1"}, {"x-api-key": "k1"}),
        ({"api_key": "sk-ant-oat01-x"}, {"authorization": "Bearer sk-ant-oat01-x"}),
        ({"auth_token": "t"}, {"authorization": "Bearer t"}),
    ],
)
async def test_both_ways_to_say_who_one_is(options, wanted):
    """A key has its own header, a token is a bearer; never both."""
    seen = []
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: seen.append(request) or ok()))
    async with http, claude.Client(**options, base_url="http://s", http=http, workspace_id="wrkspc_1") as client:
        await get(client)

    found = {name: seen[0].headers[name] for name in ("x-api-key", "authorization") if name in seen[0].headers}
    assert found == wanted
    assert seen[0].headers["anthropic-version"] == "2026-10-21"
    assert seen[0].headers["anthropic-workspace-id"] == "wrkspc_1"


async def test_more_betas_stand_before_the_resources_own():
    """As the official client orders them."""
    async with client_answered(ok(), betas=["new-1", "new-2"]) as (client, seen):
        await get(client)

    assert seen[0].headers["anthropic-beta"] == "new-1,new-2,managed-agents-2026-04-01"


def test_what_is_wrong_with_a_client_is_said_at_once(monkeypatch):
    """All of it, and without the key."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    with pytest.raises(SpecError) as nothing:
        claude.Client(base_url="ftp://x", max_retries=-1)
    with pytest.raises(SpecError) as two:
        claude.Client("k", "http://u:p@h", auth_token="t")

    assert [problem.path for problem in nothing.value.problems] == ["api_key", "base_url", "max_retries"]
    assert [problem.path for problem in two.value.problems] == ["auth_token", "base_url"]


@pytest.mark.parametrize("secret", ["hüsh", "hush\n", " hush", "hush\r\nx-evil: 1", "hu sh"])
def test_a_key_that_no_header_can_carry_is_found_here(secret):
    """The HTTP client would quote it in its complaint."""
    with pytest.raises(SpecError, match="visible ASCII") as error:
        claude.Client(secret, "http://s")

    assert secret.strip() not in str(error.value)


def test_the_environment_completes_what_is_not_given(monkeypatch):
    """Argument, then environment, then default."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-env")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://env/")

    assert claude.Client().base_url == "http://env"
    assert claude.Client(base_url="http://arg").base_url == "http://arg"


async def test_a_given_client_stays_open():
    """It is closed only if it is ours."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: ok())) as http:
        async with claude.Client("k", "http://s", http) as client:
            await get(client)
        assert not http.is_closed
    own = claude.Client("k", "http://s")
    await own.aclose()

    assert own._http.is_closed


async def test_a_deadline_is_a_scope_around_the_call(autojump_clock):
    """A call that hangs ends with the scope, and leaves nothing behind."""

    async def hang(_):
        await trio.sleep_forever()

    async with httpx.AsyncClient(transport=httpx.MockTransport(hang)) as http:
        client = claude.Client("k", "http://s", http)
        with trio.move_on_after(5) as scope:
            await get(client)
    gc.collect()

    assert scope.cancelled_caught


async def test_what_is_not_json_is_not_sent():
    """A body that cannot be said is a mistake of the caller's, found here."""
    async with client_answered() as (client, seen):
        with pytest.raises(SpecError, match="not JSON"):
            await client.agents.create(name="a", model={"id": object()})
        with pytest.raises(SpecError, match="not JSON"):
            await client.agents.create(name="a", model={"id": float("nan")})

    assert seen == []


async def test_a_cursor_that_comes_twice_ends_the_list():
    """A server that repeats a cursor would keep us for ever."""
    page = {"data": [AGENT], "next_page": "page_1"}
    async with client_answered(ok(page), ok(page)) as (client, seen):
        with pytest.raises(claude.UnreadableAnswer, match="names itself"):
            await client.agents.list().all()

    assert [request.url.params.get("page") for request in seen] == [None, "page_1"]


@pytest.mark.parametrize("last", [{}, {"next_page": None}, {"next_page": ""}])
async def test_pages_end(last):
    """Null, absent and empty all say that there is no further page; filters stay on every page."""
    first = ok({"data": [AGENT], "next_page": "p2"})
    async with client_answered(first, ok({"data": [], **last})) as (client, seen):
        found = [agent async for agent in client.agents.list(include_archived=True, limit=1)]

    assert [agent.id for agent in found] == ["agent_1"]
    assert seen[1].url.query == b"include_archived=true&limit=1&page=p2"


@pytest.mark.parametrize("cursor", [5, True, {"a": 1}, ["p2"]])
async def test_a_cursor_of_another_kind_is_not_the_end(cursor):
    """A list that is only half read must not look like a whole one."""
    async with client_answered(ok({"data": [AGENT], "next_page": cursor})) as (client, _):
        with pytest.raises(claude.UnreadableAnswer, match="next_page must be a string, is "):
            await client.agents.list().all()


async def test_a_list_left_early_leaves_nothing():
    """Stopping in the middle needs no closing."""
    async with client_answered(ok({"data": [AGENT, AGENT], "next_page": "p2"})) as (client, seen):
        async for _ in client.agents.list():
            break
    gc.collect()

    assert len(seen) == 1


errors = st.builds(
    lambda status, told, ambiguous: class_for(status)("x", status=status, should_retry=told, ambiguous=ambiguous),
    st.integers(300, 600),
    st.sampled_from([None, True, False]),
    st.booleans(),
)


@given(errors, st.booleans())
def test_the_service_decides_where_it_says_anything(error, again):
    """For every status there could be; and without its word no ambiguous failure of a create is repeated."""
    decided = worth_repeating(error, again=again)

    if error.should_retry is not None:
        assert decided == error.should_retry
    elif error.status >= 500:
        assert decided == again


@given(errors, st.integers(1, 5), st.booleans(), st.floats(0, 1), st.floats(0, 100))
def test_waits_are_bounded(error, attempt, again, chance, floor):
    """No wait is longer than the longest, shorter than the server's word, or made at all when all repetitions are used up."""
    error.retry_after = floor
    wait = Retries().wait(error, attempt, again=again, chance=chance)

    assert wait is None or floor <= wait <= LONGEST_WAIT
    assert wait is None or attempt <= 2


def test_every_error_is_one_of_ours():
    """Whoever catches the root catches all of them."""
    assert all(issubclass(kind, claude.ApiError) for kind in BY_STATUS.values())
    assert issubclass(claude.ApiError, AgentsupError)
    assert (class_for(418), class_for(599)) == (claude.ApiError, claude.ServerError)
