"""The user's functions that decide and watch: whatever they do is an answer, is said clearly, and hurts nobody else."""

from __future__ import annotations

import decimal
import fractions
import math

import pytest
import structlog
import trio

import agentsup

FAILURES = [ValueError("Ada's secret"), SystemExit(3), GeneratorExit(), ExceptionGroup("many", [ValueError("x")])]
NAMES = [type(error).__name__ for error in FAILURES]


@agentsup.tool(effect="pure", needs_approval=True)
async def pay(amount: int) -> str:
    """Pay somebody."""
    return f"paid {amount}"


def raises(error):
    def function(*_):
        raise error

    return function


def raises_later(error):
    async def function(*_):
        await trio.lowlevel.checkpoint()
        raise error

    return function


async def asked(ref):
    """The event that says that a person is waited for, and the session as it is then."""
    async with ref.subscribe(after=0) as events:
        async for event in events:
            if event.type == "approval_awaited":
                return event.body, await ref.info()
    raise AssertionError("nobody was asked")


async def with_a_person(ref):
    """A request of a call that a person has to decide about: what was asked, and what it came to."""
    results, found = [], []

    async def ask():
        results.append(await ref.submit('@tool pay {"amount": 7}\n@say {results}'))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            body, info = await asked(ref)
            found.append((body, info))
            await ref.confirm(body.call_id, allow=True)
    return body, info, results[0]


@pytest.mark.parametrize("how", [raises, raises_later])
@pytest.mark.parametrize("error", FAILURES, ids=NAMES)
async def test_a_policy_that_fails_leaves_it_to_a_person_and_says_so(world, autojump_clock, how, error):
    """In the event, in `last_error` and in the log; with its kind and its place, and none of its words."""
    ref = await world.start(pay, approval=how(error))
    with structlog.testing.capture_logs() as logs:
        body, info, result = await with_a_person(ref)

    assert result.text == "paid 7"
    assert body.reason.startswith(f"the approval policy failed: {type(error).__name__} at ")
    assert "test_callbacks.py:" in body.reason
    assert "Ada" not in body.reason
    assert (info.state, info.last_error) == ("awaiting_approval", body.reason)
    (line,) = [line for line in logs if line["event"] == "session.approval_failed"]
    assert (line["log_level"], line["reason"], line["tool"]) == ("error", body.reason, "pay")


@pytest.mark.parametrize("answer", ["yes", 1, 0, agentsup.Allow, {"allow": True}])
async def test_a_policy_that_answers_nonsense_leaves_it_to_a_person_and_says_so(world, autojump_clock, answer):
    """What it must answer, and what it did; not in its words."""
    ref = await world.start(pay, approval=lambda use, info: answer)
    with structlog.testing.capture_logs() as logs:
        body, info, result = await with_a_person(ref)

    assert result.text == "paid 7"
    kind = type(answer).__name__
    assert body.reason == f"the approval policy must return Allow(), Deny(message) or None, not {kind}"
    assert info.last_error == body.reason
    assert [line["log_level"] for line in logs if line["event"] == "session.approval_failed"] == ["error"]


async def test_a_policy_that_leaves_it_to_a_person_has_not_failed(world, autojump_clock):
    """Nothing is wrong, and nothing is said to be."""
    ref = await world.start(pay, approval=lambda use, info: None)

    body, info, _ = await with_a_person(ref)

    assert (body.reason, info.last_error) == (None, None)


@pytest.mark.parametrize("how", [raises, raises_later])
@pytest.mark.parametrize("error", FAILURES, ids=NAMES)
async def test_a_price_that_fails_is_not_the_guards_fault(world, autojump_clock, how, error):
    """The request is halted by what it is: nobody knows what it costs."""
    ref = await world.start(
        price=how(error), turn_guard=lambda report: agentsup.GoOn(), limits=agentsup.Limits(max_cost=1.0)
    )
    with structlog.testing.capture_logs() as logs, pytest.raises(agentsup.Halted) as caught:
        await ref.submit("@say hi")

    assert str(caught.value).startswith(f"the price failed: {type(error).__name__} at ")
    assert "Ada" not in str(caught.value)
    assert caught.value.result.text == "hi"
    assert [line["event"] for line in logs if line["event"].endswith("_failed")] == ["session.price_failed"]


@pytest.mark.parametrize(("price", "what"), [("7", "str"), (None, "NoneType"), (True, "bool"), (object(), "object")])
async def test_a_price_that_is_no_number(world, autojump_clock, price, what):
    """The same; text that looks like a number is none."""
    ref = await world.start(price=lambda usage: price, limits=agentsup.Limits(max_cost=1.0))

    with pytest.raises(agentsup.Halted, match=f"the price must be a number, not {what}"):
        await ref.submit("@say hi")


class Moody(float):
    """A number that cannot be made into a plain one."""

    def __float__(self):
        raise ValueError("Ada")


@pytest.mark.parametrize(
    ("price", "kind", "says"),
    [
        (decimal.Decimal("sNaN"), agentsup.Halted, r"is no number that can be compared \(ValueError\)"),
        (Moody(1.0), agentsup.Halted, r"is no number that can be compared \(ValueError\)"),
        (decimal.Decimal("NaN"), agentsup.Halted, "is no number"),
        (-0.5, agentsup.Halted, "is less than nothing"),
        (-math.inf, agentsup.Halted, "is less than nothing"),
        (-(10**400), agentsup.Halted, "is less than nothing"),
        (10**400, agentsup.BudgetExceeded, "the request cost inf, and 1 is its limit"),
        (fractions.Fraction(10**500, 3), agentsup.BudgetExceeded, "the request cost inf, and 1 is its limit"),
        (decimal.Decimal("1.5"), agentsup.BudgetExceeded, "the request cost 1.5, and 1 is its limit"),
    ],
    ids=str,
)
async def test_a_price_at_the_border_of_numbers(world, autojump_clock, price, kind, says):
    """It ends its request, and not the session's task: that would ask again, and end again, until the session is given up."""
    ref = await world.start(price=lambda usage: price, limits=agentsup.Limits(max_cost=1.0))

    with pytest.raises(kind, match=says) as caught:
        await ref.submit("@say hi")

    assert "Ada" not in str(caught.value)
    assert caught.value.result.text == "hi"
    info = await ref.info()
    assert (info.state, info.restarts) == ("idle", 0)


@pytest.mark.parametrize("how", [raises, raises_later])
@pytest.mark.parametrize("error", FAILURES, ids=NAMES)
async def test_a_guard_that_fails_halts(world, autojump_clock, how, error):
    """With its error for a cause; and the session, the runtime and everybody else go on."""
    ref = await world.start(turn_guard=how(error))

    for _ in range(2):
        with pytest.raises(
            agentsup.Halted, match=f"the turn guard failed: {type(error).__name__} at .*test_callbacks"
        ) as caught:
            await ref.submit("@say hi")
        assert type(caught.value.__cause__) is type(error)


@pytest.mark.parametrize("how", [raises, raises_later])
@pytest.mark.parametrize("error", FAILURES, ids=NAMES)
async def test_a_handler_of_events_that_fails_is_shown_the_next(world, autojump_clock, how, error):
    """Watching ends nothing."""
    seen = []

    class Handler:
        def handle_tool_call(self, name, input, context, info):
            """Nothing."""

        def handle_event(self, event, info):
            seen.append(event.type)
            return how(error)(event, info)

    ref = await world.start(handler=Handler())

    assert (await ref.submit("@say hi")).text == "hi"
    await trio.sleep(1)
    assert {"said", "request_ended"} <= set(seen)


async def test_our_own_end_is_no_failure_of_a_policy(world, autojump_clock):
    """A policy that takes its time is cancelled with the session, without a word."""

    async def policy(use, info):
        await trio.sleep(1000)

    ref = await world.start(pay, approval=policy)
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:

            async def ask():
                with pytest.raises(agentsup.RequestClosed):
                    await ref.submit('@tool pay {"amount": 7}')

            nursery.start_soon(ask)
            await trio.sleep(1)
            await ref.abort()

    assert not [line for line in logs if line["event"].endswith("_failed")]
