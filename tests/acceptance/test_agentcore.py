"""Sessions on harnesses when things go wrong: documented errors, the partial result in each, and nothing sent twice that may have run."""

from __future__ import annotations

import datetime

import attrs
import pytest
import trio

import agentsup
from agentsup import agentcore
from agentsup.providers.aws import signing
from agentsup.testing import crash
from tests.kit.providers import KEYS, harness

OTHER = "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/nobody-abcdefghij"


@pytest.fixture
async def provider(simulator):
    async with harness(simulator) as provider:
        yield provider


@pytest.fixture
async def runtime():
    async with agentsup.open_runtime() as runtime:
        yield runtime


async def started(runtime, provider, *tools, **options):
    return await runtime.start_session("s", agentsup.SessionSpec(provider=provider, tools=tools, **options))


def invokes(simulator):
    return [r for r in simulator.requests if r["path"] == "/harnesses/invoke"]


def stops(simulator):
    return [r for r in simulator.requests if r["path"].endswith("/stopruntimesession")]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"credentials": attrs.evolve(KEYS, secret_access_key="wrong")}, 403, "InvalidSignatureException"),
        ({"credentials": attrs.evolve(KEYS, access_key_id="AKIDUNKNOWN")}, 403, "UnrecognizedClientException"),
        (
            {"credentials": attrs.evolve(KEYS, access_key_id="ASIAEXAMPLE", session_token="old")},
            403,
            None,
        ),
        ({"harness": OTHER}, 404, "ResourceNotFoundException"),
    ],
)
async def test_who_we_are_and_whom_we_ask(simulator, provider, runtime, autojump_clock, changes, status, code):
    """Refused once, with the service's word, and the session is over."""
    ref = await started(runtime, attrs.evolve(provider, **changes))
    with pytest.raises(agentsup.ProviderFailed) as caught:
        await ref.submit("hi")

    assert caught.value.status == status
    assert code is None or caught.value.code == code
    assert len(invokes(simulator)) == 1
    assert "wrong" not in str(caught.value)
    with pytest.raises(agentsup.SessionClosed):
        await ref.submit("again")


async def test_a_clock_that_is_wrong(simulator, provider, runtime, autojump_clock, monkeypatch):
    """Refused: the signature is of another day."""
    now = signing.utc_now
    monkeypatch.setattr(signing.Signer.__init__, "__kwdefaults__", {"now": lambda: now() - datetime.timedelta(hours=1)})
    ref = await started(runtime, provider)
    with pytest.raises(agentsup.ProviderFailed) as caught:
        await ref.submit("hi")

    assert caught.value.status == 403


async def test_another_region_is_refused_at_the_door(provider, runtime, autojump_clock):
    """The ARN says where the harness is."""
    with pytest.raises(agentsup.SpecError, match="region"):
        await started(runtime, attrs.evolve(provider, region="eu-west-1"))


async def test_a_harness_that_is_not_ready(simulator, runtime, autojump_clock):
    """Ends the request; the next one is answered when it is."""
    async with simulator.client(headers={}) as http:
        made = await agentcore.Client("us-east-1", KEYS, http=http).harnesses.create(
            "slow", "arn:aws:iam::123456789012:role/works"
        )
        ref = await started(runtime, agentsup.BedrockAgentCore(harness=made, credentials=KEYS, http=http))
        with pytest.raises(agentsup.ProviderFailed) as caught:
            await ref.submit("hi")
        await trio.sleep(1)

        assert caught.value.status == 400
        assert (await ref.submit("@say now")).text == "now"


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ({"status": 400, "mode": "answer"}, agentsup.ProviderFailed, 400),
        ({"status": 500, "mode": "answer"}, agentsup.ProviderFailed, 500),
        ({"status": 503, "mode": "after"}, agentsup.ProviderFailed, 503),
        ({"mode": "reset"}, agentsup.StreamError, None),
        ({"mode": "after_reset"}, agentsup.StreamError, None),
        ({"mode": "stall"}, agentsup.StreamError, None),
    ],
)
async def test_before_the_stream_nothing_is_repeated_that_may_have_begun(
    simulator, provider, runtime, autojump_clock, fault, error, status
):
    """One invoke, one error; then the session goes on."""
    ref = await started(runtime, attrs.evolve(provider, idle_timeout=20.0))
    simulator.fault(path="/harnesses/invoke", **fault)
    with pytest.raises(error) as caught:
        await ref.submit("@say one")

    assert caught.value.status == status
    assert len(invokes(simulator)) == 1
    assert (await ref.submit("@say two")).text == "two"
    assert len(invokes(simulator)) == 2


async def test_throttling_before_the_stream_is_waited_out(simulator, provider, runtime, autojump_clock):
    """And shown."""
    ref = await started(runtime, provider)
    simulator.fault(path="/harnesses/invoke", status=429, times=2, mode="answer")
    async with ref.subscribe() as events:
        result = await ref.submit("@say one")
        seen = []
        async for event in events:
            seen.append(event)
            if event.result is not None:
                break

    assert result.text == "one"
    assert [event.body.retry for event in seen if event.type == "troubled"] == ["retrying", "retrying"]
    assert len(invokes(simulator)) == 3


async def test_throttling_that_does_not_end(simulator, provider, runtime, autojump_clock):
    """Is told; the session lives on."""
    ref = await started(runtime, provider)
    simulator.fault(path="/harnesses/invoke", status=429, times=3, mode="answer")
    with pytest.raises(agentsup.ProviderFailed) as caught:
        await ref.submit("@say one")

    assert caught.value.status == 429
    assert (await ref.submit("@say two")).text == "two"


@pytest.mark.parametrize(
    ("directions", "code"),
    [
        ("@say half\n@cut\n@say never", None),
        ("@say half\n@eof\n@say never", None),
        ("@say half\n@error runtimeClientError exhausted", "runtimeClientError"),
        ("@say half\n@error internalServerException exhausted", "internalServerException"),
        ("@say half\n@error validationException exhausted", "validationException"),
    ],
)
async def test_a_stream_that_breaks_off(simulator, provider, runtime, autojump_clock, directions, code):
    """What came is in the error; nothing is asked again; the session goes on."""
    ref = await started(runtime, provider)
    with pytest.raises(agentsup.StreamError) as caught:
        await ref.submit(directions)

    assert caught.value.code == code
    assert caught.value.result.text == "half"
    assert caught.value.result.events
    assert len(invokes(simulator)) == 1
    assert (await ref.submit("@say two")).text == "two"


async def test_a_stream_that_falls_silent(simulator, provider, runtime, autojump_clock):
    """Is given up after its time of silence, not after the request's."""
    ref = await started(runtime, attrs.evolve(provider, idle_timeout=20.0))
    began = trio.current_time()
    with pytest.raises(agentsup.StreamError) as caught:
        await ref.submit("@say half\n@sleep 500\n@say whole")

    assert caught.value.result.text == "half"
    assert 20 <= trio.current_time() - began < 30


async def test_the_service_knows_how_much_time_is_left(simulator, provider, runtime, autojump_clock):
    """Less with every turn of the request."""

    @agentsup.tool(effect="pure")
    async def slow() -> str:
        """Takes its time."""
        await trio.sleep(40)
        return "done"

    ref = await started(runtime, provider, slow, limits=agentsup.Limits(timeout=100.0))
    await ref.submit("@tool slow {}\n@say {results}")
    first, second = (r["body"]["timeoutSeconds"] for r in invokes(simulator))

    assert first == 100
    assert 50 <= second <= 60


async def test_overrides_are_said_with_every_invoke(simulator, provider, runtime, autojump_clock):
    """The service forgets them."""

    @agentsup.tool(effect="pure")
    async def look() -> str:
        """Looks."""
        return "seen"

    ref = await started(runtime, attrs.evolve(provider, overrides=agentcore.Overrides(model="m", tools=[look])), look)
    await ref.submit("@tool look {}\n@say {results}")
    one, two = (r["body"] for r in invokes(simulator))

    assert one["model"] == two["model"] == {"bedrockModelConfig": {"modelId": "m"}}
    assert one["tools"] == two["tools"]
    assert [message["role"] for message in two["messages"]] == ["assistant", "user"]


async def test_an_interrupt_stops_the_session_over_there(simulator, provider, runtime, autojump_clock):
    """Once."""
    ref = await started(runtime, provider)
    async with trio.open_nursery() as nursery:

        async def ask():
            with pytest.raises(agentsup.Interrupted):
                await ref.submit("@say half\n@sleep 1000")

        nursery.start_soon(ask)
        await trio.sleep(3)
        await ref.interrupt()
    await ref.submit("@say on")

    assert len(stops(simulator)) == 1


async def test_a_turn_that_ends_while_it_is_being_stopped_is_not_stopped_again(
    simulator, provider, runtime, autojump_clock
):
    """A session whose task dies in the middle of its stop, behind a turn that came to its own end, keeps the conversation."""
    ref = await started(runtime, provider)
    simulator.fault(path="*/stopruntimesession", mode="stall")
    await ref.message("@say begun\n@sleep 3\n@say its own end")
    await trio.sleep(1)
    await ref.interrupt()
    await trio.sleep(5)
    await crash(ref)

    assert (await ref.submit("@say on")).text == "on"
    assert len(stops(simulator)) == 1


async def test_an_interrupt_before_the_service_answers(simulator, provider, runtime, autojump_clock):
    """A silent service does not hold it up."""
    ref = await started(runtime, provider)
    simulator.fault(path="/harnesses/invoke", mode="stall")
    async with trio.open_nursery() as nursery:

        async def ask():
            with pytest.raises(agentsup.Interrupted):
                await ref.submit("@say never")

        nursery.start_soon(ask)
        await trio.sleep(1)
        await ref.interrupt()
    assert (await ref.submit("@say on")).text == "on"
    assert len(stops(simulator)) == 1


async def test_aborting_stops_the_session_over_there(simulator, provider, runtime, autojump_clock):
    """It would cost on."""
    ref = await started(runtime, provider)
    async with trio.open_nursery() as nursery:

        async def ask():
            with pytest.raises(agentsup.SessionClosed):
                await ref.submit("@sleep 1000")

        nursery.start_soon(ask)
        await trio.sleep(3)
        await ref.abort()
    await trio.sleep(1)

    assert len(stops(simulator)) == 1


async def test_a_crash_in_the_middle_of_a_turn(simulator, provider, runtime, autojump_clock):
    """The caller hears what came and that the rest is not known; the turn is not asked for again."""
    ref = await started(runtime, provider)
    async with trio.open_nursery() as nursery:
        errors = []

        async def ask():
            try:
                await ref.submit("@say half\n@sleep 100\n@say whole")
            except agentsup.StreamError as exc:
                errors.append(exc)

        nursery.start_soon(ask)
        await trio.sleep(10)
        await crash(ref)

    assert errors[0].result.text == "half"
    assert len(invokes(simulator)) == 1
    assert (await ref.submit("@say two")).text == "two"


async def test_a_process_that_dies_in_the_middle_of_a_turn(simulator, provider, autojump_clock, tmp_path):
    """The next one says so, and goes on with the same session over there."""
    store = str(tmp_path / "sessions.db")
    spec = agentsup.SessionSpec(provider=provider)
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec)
        await ref.message("@say half\n@sleep 100\n@say whole")
        await trio.sleep(10)
        first = (await ref.info()).provider_session_id
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec)
        async with ref.subscribe(after=0) as events:
            ended = None
            async for event in events:
                if event.result is not None:
                    ended = event
                    break

        assert ended.body.failure.kind == "stream"
        assert ended.result.text == "half"
        assert (await ref.submit("@say two")).text == "two"
        assert (await ref.info()).provider_session_id == first
    assert len(invokes(simulator)) == 2


async def test_a_session_that_waits_for_calls_nobody_heard_of_is_freed_by_an_interrupt(
    simulator, provider, runtime, autojump_clock
):
    """The turn went on unheard and asked for a tool, so that every message is refused; stopped, the id begins anew."""
    ref = await started(runtime, provider)
    await ref.message("@say half\n@sleep 5\n@tool unheard {}")
    await trio.sleep(3)
    await crash(ref)
    await trio.sleep(10)
    with pytest.raises(agentsup.ProviderFailed) as refused:
        await ref.submit("@say on")
    assert refused.value.status == 400

    await ref.interrupt()

    assert (await ref.submit("@say on")).text == "on"
    assert len(stops(simulator)) == 1


async def test_an_existing_session_is_gone_on_with(simulator, provider, runtime, autojump_clock):
    """By its id."""
    session_id = "an-existing-session-00000000000000000"
    ref = await started(runtime, attrs.evolve(provider, runtime_session_id=session_id))
    await ref.submit("@say one")

    (request,) = invokes(simulator)
    assert request["headers"]["x-amzn-bedrock-agentcore-runtime-session-id"] == session_id
    assert (await ref.info()).provider_session_id == session_id


async def test_what_a_harness_does_not_take(simulator, provider, runtime, autojump_clock):
    """Ends the request and not the session; nothing is sent."""
    ref = await started(runtime, provider)
    picture = agentsup.Image(data=b"x", media_type="image/png")
    for content in ([agentsup.Text("look"), picture], agentsup.Outcome("done", "it is done")):
        with pytest.raises(agentsup.ProviderFailed) as caught:
            await ref.submit(content)
        assert caught.value.code == "unsupported"

    assert invokes(simulator) == []
    assert (await ref.submit("@say on")).text == "on"


async def test_a_large_prompt_and_a_strange_one(provider, runtime, autojump_clock):
    """Both arrive as they are."""
    ref = await started(runtime, provider)
    for text in ("x" * 1_000_000, "Grüße \u2028 ☃ \U0001f600 \x00 line\r\nend"):
        assert (await ref.submit(text)).text == text


async def test_no_credentials_at_all(simulator, provider, runtime, autojump_clock, monkeypatch, tmp_path):
    """Every place that was looked at is named."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    ref = await started(runtime, attrs.evolve(provider, credentials=None))
    with pytest.raises(agentsup.ProviderFailed, match="AWS_ACCESS_KEY_ID") as caught:
        await ref.submit("hi")

    assert caught.value.code == "NoCredentials"


async def test_a_session_shows_neither_keys_nor_words(provider, runtime, autojump_clock):
    """In its tree, its status and its errors."""
    ref = await started(runtime, provider)
    with pytest.raises(agentsup.StreamError) as caught:
        await ref.submit("@say private words\n@cut")
    shown = f"{runtime.tree()} {await ref.info()} {caught.value} {caught.value.result!r} {ref!r} {provider!r}"

    for secret in (KEYS.access_key_id, KEYS.secret_access_key, "private words"):
        assert secret not in shown
