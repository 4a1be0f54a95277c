"""A request's text in pieces is its text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentsup.loop.pieces import Pieces
from agentsup.talk.events import Said, TextDelta
from tests.loop.scene import working

MESSAGES = st.lists(st.tuples(st.text("ab\n", max_size=8), st.lists(st.integers(0, 4), max_size=3)), max_size=5)
"""Text, and the lengths of the deltas that bring its beginning."""


@given(MESSAGES)
def test_the_pieces_joined_are_the_result(messages):
    """Whatever part of each message came as deltas before it came whole."""
    pieces, told = Pieces(), []
    for number, (text, lengths) in enumerate(messages):
        place = 0
        for length in lengths:
            told.append(pieces.feed(TextDelta(message_id=f"m{number}", text=text[place : place + length])))
            place += length
        told.append(pieces.feed(working()))
        told.append(pieces.feed(Said(id=f"m{number}", raw={}, text=text)))

    assert "".join(told) == "\n".join(text for text, _ in messages)


@given(st.lists(st.text("ab", max_size=3), max_size=4))
def test_messages_without_an_id_are_messages(texts):
    """Each is another one."""
    pieces = Pieces()

    told = [pieces.feed(Said(id=None, raw={}, text=text)) for text in texts]

    assert "".join(told) == "\n".join(texts)


def test_a_cut_stream_does_not_repeat_what_was_said():
    """Deltas stop early, the whole message brings the rest."""
    pieces = Pieces()

    told = [pieces.feed(TextDelta(message_id="m", text="He")), pieces.feed(Said(id="m", raw={}, text="Hello"))]

    assert told == ["He", "llo"]
