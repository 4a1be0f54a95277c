"""The vocabulary: values that say what they mean and keep what they carry to themselves."""

from __future__ import annotations

import base64
import json

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentsup.errors import SpecError
from agentsup.talk import events as ev
from agentsup.talk.content import Document, Image, SearchResult, Text, as_parts, as_request, as_text
from agentsup.talk.outgoing import GiveResult, SayMessage, SayStop
from agentsup.talk.result import SessionResult, Turn
from agentsup.talk.tools import SessionInfo, ToolResult, ToolUse
from agentsup.talk.usage import Usage
from agentsup.wire.codec import as_json, result_as_json

SECRET = "the customer's secret"


@pytest.mark.parametrize(
    "value",
    [
        Text(SECRET),
        Image(url=f"https://example.org/{SECRET}"),
        Document(text=SECRET),
        Document(url=f"https://example.org/{SECRET}", title=SECRET, context=SECRET),
        SearchResult(source=SECRET, title=SECRET, text=SECRET),
        ToolUse("c1", "look", {"order": SECRET}),
        ToolResult("c1", SECRET),
        ToolResult.of("c1", [Text(SECRET), Document(text=SECRET)]),
        SessionInfo(session_id="s", provider="p", metadata={"who": SECRET}),
        SayMessage("r1", (Text(SECRET),)),
        GiveResult(ToolResult("c1", SECRET)),
        ev.Accepted(request_id="r1", parts=(Text(SECRET),)),
        ev.Said(id="1", raw={"text": SECRET}, text=SECRET),
        ev.Echoed(id="1", raw={"text": SECRET}, kind="message", text=SECRET),
        ev.TextDelta(message_id="1", text=SECRET),
        ev.ToolEnded(result=ToolResult("c1", SECRET)),
        SessionResult(terminal="end_turn", stop_reason=None, text=SECRET, events=({"a": SECRET},), session_id="s"),
        Turn(number=1, request_id="r1", input=SECRET, text=SECRET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_content_never_shows_in_a_repr(value):
    """It would end up in logs."""
    assert SECRET not in repr(value)
    assert type(value).__name__ in repr(value)


def test_inputs_come_as_text_or_as_parts():
    """Both ways are the same thing; several parts are joined by newlines."""
    assert as_parts("hi") == as_parts([Text("hi")]) == (Text("hi"),)
    assert as_text((Text("a"), Text("b"))) == "a\nb"


def test_only_text_is_text():
    """What a picture shows and what a document says are not: an echo is recognised by its text blocks alone."""
    parts = (Text("a"), Image(file_id="f"), Document(text="not this"), Text("b"))

    assert as_text(parts) == SayMessage("r1", parts).text == "a\nb"
    assert as_text((Image(file_id="f"),)) == ""


@pytest.mark.parametrize("content", [None, 3, {"type": "text"}, Text("alone"), b"bytes"])
def test_what_is_no_input_is_refused(content):
    """Neither text nor a list."""
    with pytest.raises(SpecError, match="content: must be text or a list of parts, not"):
        as_parts(content)


def test_every_item_that_is_no_part_is_named():
    """With its place and its type; never with what is in it."""
    with pytest.raises(SpecError) as caught:
        as_parts([Text("a"), SECRET, {"type": "text", "text": SECRET}])

    assert [(p.path, p.message) for p in caught.value.problems] == [
        ("content[1]", "must be a Text, an Image, a Document or a SearchResult, not str"),
        ("content[2]", "must be a Text, an Image, a Document or a SearchResult, not dict"),
    ]


@pytest.mark.parametrize("content", ["", " \n", [], [Text("")], [Text(" "), Text("")]])
def test_a_request_says_something(content):
    """The agent is told nothing by nothing."""
    with pytest.raises(SpecError, match="must not be empty"):
        as_request(content)


def test_a_request_may_say_it_with_a_picture():
    """Text is not needed."""
    assert as_request([Image(file_id="f")]) == (Image(file_id="f"),)
    assert as_request("hi") == (Text("hi"),)


@given(st.binary(min_size=1, max_size=50))
def test_bytes_travel_as_base64(data):
    """Bytes are encoded; what is base64 already stays as it is, so that a part can be read back from a journal."""
    image = Image(data=data, media_type="image/png")
    document = Document(data=data)

    assert base64.b64decode(image.data) == base64.b64decode(document.data) == data
    assert attrs.evolve(image) == image == Image(data=image.data, media_type="image/png")
    assert attrs.evolve(document) == document
    assert document.media_type == "application/pdf"


@pytest.mark.parametrize(
    ("kind", "fields", "paths"),
    [
        (Image, {}, ["Image"]),
        (Image, {"url": "https://example.org/a.png", "file_id": "f"}, ["Image"]),
        (Image, {"data": b"", "media_type": "image/png"}, ["data"]),
        (Image, {"data": SECRET, "media_type": "image/png"}, ["data"]),
        (Image, {"data": 3, "media_type": "image/png"}, ["data"]),
        (Image, {"data": b"x"}, ["media_type"]),
        (Image, {"data": SECRET, "media_type": "text/plain"}, ["data", "media_type"]),
        (Image, {"file_id": "f", "media_type": "image/png"}, ["media_type"]),
        (Image, {"url": "file:///etc/passwd"}, ["url"]),
        (Document, {}, ["Document"]),
        (Document, {"text": "a", "data": b"b"}, ["Document"]),
        (Document, {"text": "a", "media_type": "text/html"}, ["media_type"]),
        (Document, {"text": 3, "title": 4}, ["text", "title"]),
        (Document, {"file_id": ""}, ["file_id"]),
    ],
)
def test_a_part_that_cannot_be_used_is_refused_where_it_is_made(kind, fields, paths):
    """Every problem with its field, and nothing of the content."""
    with pytest.raises(SpecError) as caught:
        kind(**fields)

    assert [problem.path for problem in caught.value.problems] == paths
    assert SECRET not in str(caught.value)


def test_a_result_is_text_or_parts():
    """A single text is plain; with anything else `text` is the text among the parts."""
    mixed = ToolResult.of("c1", [Text("a"), Image(file_id="f"), Text("b")], is_error=True)

    assert ToolResult.of("c1", [Text("a")]) == ToolResult("c1", "a")
    assert ToolResult("c1", "a").parts == (Text("a"),)
    assert ToolResult.of("c1", []) == ToolResult("c1", "")
    assert ToolResult("c1", "").parts == ()
    assert (mixed.text, mixed.is_error, mixed.parts) == ("a\nb", True, (Text("a"), Image(file_id="f"), Text("b")))


@given(st.text(st.characters(codec=None), max_size=10))
@example("caf\udce9")
def test_every_text_can_be_said(text):
    """Lone surrogates are replaced where text comes in, so that a message and its echo stay equal; all other text stays as it is."""
    said = Text(text).text

    assert said.encode().decode() == said
    assert Text(said).text == ToolResult("c1", text).text == said
    assert said == text or any("\ud800" <= c <= "\udfff" for c in text)


def test_keys_tell_inputs_apart():
    """By request, by call, by what is stopped."""
    keys = [SayMessage("r1", ()).key, GiveResult(ToolResult("c1", "")).key, SayStop("stop:r1").key]

    assert keys == ["message:r1", "result:c1", "stop:r1"]


COUNTS = st.integers(0, 10**6)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, st.just(({"a": 1},)))


@given(USAGES, USAGES, USAGES)
def test_usages_add_up(a, b, c):
    """In any grouping; nothing is added by nothing."""
    assert (a + b) + c == a + (b + c)
    assert a + Usage() == Usage() + a == a


def test_every_event_has_a_type_of_its_own():
    """The words a subscriber matches on are all different."""
    kinds = [
        getattr(ev, name) for name in dir(ev) if attrs.has(getattr(ev, name)) and hasattr(getattr(ev, name), "type")
    ]
    types = [kind.type for kind in kinds if isinstance(kind.type, str)]

    assert len(types) == len(set(types)) > 25


def test_an_event_as_a_subscriber_sees_it():
    """What it is, whose it is, what it says."""

    def event(body):
        return ev.SessionEvent(cursor=3, session_id="s", at=1.0, body=body)

    said = event(ev.Said(id="1", raw={"x": 1}, text="hello"))
    accepted = event(ev.Accepted(request_id="r1", parts=()))
    dropped = event(ev.Dropped(count=4))

    assert (said.type, said.text, said.raw, said.dropped, said.request_id) == ("said", "hello", {"x": 1}, 0, None)
    assert (accepted.type, accepted.raw, accepted.request_id) == ("accepted", None, "r1")
    assert (dropped.type, dropped.dropped) == ("dropped", 4)


def test_a_result_as_json_is_complete():
    """One line, every field, the provider's values verbatim."""
    result = SessionResult(
        terminal="end_turn",
        stop_reason={"type": "end_turn"},
        text="Grüße",
        tool_uses=(ToolUse("c1", "look", {"order": [1, None]}),),
        usage=Usage(1, 2, raw=({"input_tokens": 1},)),
        turns=1,
        events=({"type": "agent.message"}, '{"type": "session.status_idle"}'),
        session_id="s",
    )

    line = result_as_json(result)

    assert "\n" not in line
    assert "Grüße" in line
    assert json.loads(line) == json.loads(json.dumps(as_json(result)))
    assert json.loads(line)["tool_uses"] == [{"call_id": "c1", "name": "look", "input": {"order": [1, None]}}]
    assert json.loads(line)["events"] == [{"type": "agent.message"}, {"type": "session.status_idle"}]
    assert set(json.loads(line)) == {field.alias for field in attrs.fields(SessionResult)}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"source": ""}, {"source"}),
        ({"title": "  ", "text": None}, {"title", "text"}),
        ({"source": 5, "citations": 1}, {"source", "citations"}),
    ],
)
def test_a_search_result_has_all_that_makes_one(fields, wrong):
    """Everything that is missing is named."""
    with pytest.raises(SpecError) as caught:
        SearchResult(**{"source": "a", "title": "b", "text": "c", **fields})

    assert {problem.path for problem in caught.value.problems} == wrong


def test_a_search_result_is_a_tools_to_say():
    """A request that begins with one would be refused over there; it is refused here, with its place."""
    found = SearchResult(source="a", title="b", text="c")

    assert as_parts([found]) == (found,)
    with pytest.raises(SpecError, match=r"content\[1\]: is a SearchResult, which only a tool's result may have"):
        as_request([Text("see"), found])
