"""A session's description is checked as a whole, and tells nobody's secrets."""

from __future__ import annotations

import math

import pytest

from agentsup import ClaudeManagedAgents, Limits, Reconnect, SessionSpec, tool
from agentsup.errors import SpecError
from agentsup.session.spec import Restart

PROVIDER = ClaudeManagedAgents(agent="agent", environment="env", api_key="sk-secret")


@tool(effect="pure")
def look(order: str) -> str:
    """Look."""
    return order


def problems(**options):
    with pytest.raises(SpecError) as caught:
        SessionSpec(**{"provider": PROVIDER, **options})
    return {problem.path for problem in caught.value.problems}


def test_every_problem_is_told_at_once_with_its_path():
    """One look is enough to mend it all."""
    found = problems(
        provider="claude",
        tools=[look, look, 3],
        handler=5,
        limits=Limits(max_turns=0, timeout=-1),
        restart=Restart(intensity=-1, period=0),
        reconnect=Reconnect(initial=0, cap=-1, heartbeat=math.inf, max_attempts=-1),
        metadata=[],
    )

    assert found == {
        "provider",
        "tools[1]",
        "tools[2]",
        "handler",
        "limits.max_turns",
        "limits.timeout",
        "restart.intensity",
        "restart.period",
        "reconnect.initial",
        "reconnect.cap",
        "reconnect.heartbeat",
        "reconnect.max_attempts",
        "metadata",
    }


@pytest.mark.parametrize("name", ["limits", "restart", "reconnect"])
def test_an_option_of_another_kind_is_refused(name):
    """A mapping is not a value of ours."""
    assert problems(**{name: {"timeout": 3}}) == {name}


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "3", None])
def test_max_turns_is_a_count(wrong):
    """At least one, and a whole number."""
    assert problems(limits=Limits(max_turns=wrong)) == {"limits.max_turns"}


@pytest.mark.parametrize("wrong", [0, -1.0, math.nan, math.inf, True, "3"])
def test_a_timeout_is_a_positive_number_or_none(wrong):
    """For ever is None."""
    assert problems(limits=Limits(timeout=wrong)) == {"limits.timeout"}


def test_one_function_is_as_good_as_a_list_of_it():
    """And plain functions become tools."""

    def plain(a: int) -> int:
        return a

    assert [made.name for made in SessionSpec(provider=PROVIDER, tools=plain).tools] == ["plain"]
    assert [made.name for made in SessionSpec(provider=PROVIDER, tools=[plain, look]).tools] == ["plain", "look"]
    assert SessionSpec(provider=PROVIDER, tools=look).tools == (look,)


def test_repr_shows_neither_secrets_nor_content():
    """Keys, context and metadata stay out of logs."""
    spec = SessionSpec(provider=PROVIDER, tools=[look], context={"card": "4111"}, metadata={"who": "Ada"})

    shown = repr(spec)

    assert "look" in shown
    assert not [secret for secret in ("sk-secret", "4111", "Ada") if secret in shown]


def test_the_machine_is_told_its_rules():
    """Limits, attempts and effect classes; a tool that is not ours is unsafe by default."""
    spec = SessionSpec(
        provider=PROVIDER, tools=[look], limits=Limits(max_turns=7, timeout=None), reconnect=Reconnect(max_attempts=3)
    )

    rules = spec.rules

    assert (rules.max_turns, rules.timeout, rules.max_attempts, rules.effects) == (7, None, 3, {"look": "pure"})


def test_a_handlers_forms():
    """A function, an object with the method, or neither."""

    def function(name, input, context, info): ...

    class Full:
        def handle_tool_call(self, name, input, context, info): ...

        def handle_event(self, event, info): ...

    full = Full()

    assert SessionSpec(provider=PROVIDER).tool_handler is None
    assert SessionSpec(provider=PROVIDER, handler=function).tool_handler is function
    assert SessionSpec(provider=PROVIDER, handler=full).tool_handler == full.handle_tool_call
    assert SessionSpec(provider=PROVIDER, handler=full).event_handler == full.handle_event
    assert SessionSpec(provider=PROVIDER, handler=function).event_handler is None


def test_what_can_be_called_becomes_a_tool_and_what_cannot_serve_is_refused():
    """Partials and callable objects are functions too; a method without its object and a handler of the wrong shape are told at the door."""

    class Shouter:
        def __call__(self, text: str) -> str:
            """Say it loud."""
            return text.upper()

        @tool
        def whisper(self, text: str) -> str:
            """Say it softly."""
            return text.lower()

    spec = SessionSpec(provider=PROVIDER, tools=[tool(Shouter(), name="shout"), Shouter().whisper])
    with pytest.raises(SpecError) as caught:
        SessionSpec(provider=PROVIDER, tools=[Shouter.whisper], handler=lambda only_one: only_one)

    assert [each.name for each in spec.tools] == ["shout", "whisper"]
    assert [problem.path for problem in caught.value.problems] == ["tools[0]", "handler"]
