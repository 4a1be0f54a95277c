"""Every value that is kept comes back as it was, also from an older version, and from a newer one there is a clear word."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsup.errors import SpecError
from agentsup.ids import RequestId
from agentsup.journal import codec, text
from agentsup.loop.fold import initial
from agentsup.loop.rules import Rules
from agentsup.loop.state import State
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolResult
from tests.kit.values import RAW_JSON, values_of, written

QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.data_too_large])


@pytest.mark.parametrize("kind", codec.KINDS.values(), ids=codec.KINDS)
def test_every_event_comes_back_as_it_was(kind):
    """Whatever is in it: integers of any length, NaN, lone surrogates."""

    @QUICK
    @given(values_of(kind))
    def check(body):
        line = codec.write(codec.encode_event(body), "body")

        assert written(body) == written(codec.decode_event(body.type, codec.parse(line)))
        line.encode()

    check()


@QUICK
@given(values_of(State))
def test_every_state_comes_back_as_it_was(state):
    """All of it, nested unions, sets and mappings included."""
    line = codec.write(codec.encode_state(state), "state")

    assert written(state) == written(codec.decode_state(codec.parse(line)))


def test_every_kept_class_is_known():
    """The table is made of the union."""
    assert {kind.type for kind in codec.KINDS.values()} == set(codec.KINDS)


@QUICK
@given(
    RAW_JSON
    | st.dictionaries(
        st.text(max_size=3), st.sampled_from(["null", "\null", "a null", None, math.nan, ["null", math.nan]])
    )
)
def test_with_and_without_the_fast_library_the_text_means_the_same(value):
    """Either's text, read back, is the value; so a store can be written with the one and read with the other."""
    assert repr(value) == repr(text.loads(text.dumps(value))) == repr(text.loads(text.plain_dumps(value)))


def test_defaults_are_left_out_and_filled_in():
    """A record from before a field was invented is read as if it had its default."""
    body = ev.RequestEnded(request_id=RequestId("r"), terminal="end_turn")

    assert codec.encode_event(body) == {"request_id": "r", "terminal": "end_turn"}
    assert body == codec.decode_event("request_ended", {"request_id": "r", "terminal": "end_turn"})


def test_an_unknown_kind_is_named():
    """A record of a newer version is no riddle."""
    with pytest.raises(codec.Unreadable, match="'request_paused', which this version does not know"):
        codec.decode_event("request_paused", {})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"request_id": "r", "terminal": "evaporated"}, "evaporated"),
        ({"request_id": "r", "terminal": "end_turn", "failure": 7}, "a int where Failure should be"),
        ({"terminal": "end_turn"}, "without 'request_id'"),
        ([], "a list where its fields should be"),
    ],
)
def test_what_is_no_record_is_told_apart(fields, said):
    """Broken fields are an error that says where, and not a value that happens to fit."""
    with pytest.raises(codec.Unreadable, match=said):
        codec.decode_event("request_ended", fields)


def test_what_stands_where_a_text_should_be_is_kept_as_it_was():
    """A provider may do that; the record is not unreadable for it, and replayed it is what it was live."""
    body = ev.Said(id=7, raw={}, text=["a"])

    assert codec.decode_event("said", json.loads(json.dumps(codec.encode_event(body)))) == body


def test_a_field_that_is_not_known_is_passed_over():
    """A newer version's extra field does not keep an older one from reading."""
    assert ev.Closing() == codec.decode_event("closing", {"since": 5})


def test_an_unknown_member_of_a_nested_union_is_named():
    """Also in the middle of a state."""
    state = codec.encode_state(initial(Rules()))

    with pytest.raises(codec.Unreadable, match="'SayGoodbye'"):
        codec.decode_state({**state, "outbox": [{codec.TAG: "SayGoodbye"}]})


@pytest.mark.parametrize(
    "raw",
    [{"a": b"bytes"}, {"a": {1, 2}}, {"a": object()}],
    ids=["bytes", "set", "object"],
)
def test_what_is_no_json_is_refused_before_anything_is_written(raw):
    """A clear error at the door."""
    with pytest.raises(SpecError, match="cannot be kept"):
        codec.write(codec.encode_event(ev.Noted(id=None, raw=raw)), "noted")


def test_deep_nesting_is_refused_clearly():
    """Deeper than the parser of any record could follow."""
    raw: dict[str, Any] = {}
    for _ in range(100_000):
        raw = {"a": raw}

    with pytest.raises(SpecError, match="nested too deeply"):
        codec.write(codec.encode_event(ev.Noted(id=None, raw=raw)), "noted")


def test_a_passing_event_is_not_kept():
    """Deltas have no place in a journal."""
    with pytest.raises(SpecError, match="TextDelta is no event that is kept"):
        codec.encode_event(ev.TextDelta(message_id="m", text="t"))


def test_no_content_in_an_error():
    """Errors are logged."""
    with pytest.raises(codec.Unreadable) as caught:
        codec.decode_event("tool_ended", {"result": ["secret"]})

    assert "secret" not in str(caught.value)


# --- unions that may come ------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Apple:
    weight: int = 1


@attrs.frozen
class Pear:
    weight: int = 1


@attrs.frozen
class Basket:
    one: Apple
    some: tuple[Apple | Pear, ...] = ()
    maybe: Apple | Pear | None = None
    text: str | tuple[Apple | Pear, ...] = ""
    word: Literal["a", "b"] | float | None = None
    named: Mapping[str, Apple | Pear] = attrs.field(factory=dict)
    loose: Apple | Mapping[str, Any] | None = None


@QUICK
@given(values_of(Basket))
def test_any_union_whose_members_can_be_told_apart_is_kept(basket):
    """Classes beside texts, lists and words."""
    plain = json.loads(json.dumps(codec._CONVERTER.unstructure(basket, Basket)))

    assert written(basket) == written(codec._CONVERTER.structure(plain, Basket))


def test_a_class_may_grow_into_a_union():
    """What was kept when there was one class only is read as the union's first."""
    old = codec._CONVERTER.unstructure(Apple(2), Apple)

    assert Apple(2) == codec._CONVERTER.structure(old, Apple | Pear)


def test_a_union_that_cannot_be_told_apart_is_an_error_at_once():
    """Not a value that comes back as another."""
    with pytest.raises(TypeError, match="cannot be told apart"):
        codec._CONVERTER.structure([], tuple[int, ...] | list[int])


@given(st.booleans())
def test_a_result_keeps_its_kind(is_error):
    """Booleans are not numbers."""
    body = ev.ToolEnded(result=ToolResult("c", "t", is_error))

    assert body == codec.decode_event("tool_ended", json.loads(codec.write(codec.encode_event(body), "body")))
