"""A request's text in pieces, as it is said: deltas first, and from the whole message only what they left out."""

from __future__ import annotations

from agentsup.talk import events as ev


class Pieces:
    """Turns a request's events into pieces that, joined, are exactly its `SessionResult.text`.

    Deltas of a message are a prefix of it and may stop early (a cut stream does not repeat them), so the whole message, when it comes,
    brings the rest. Between two messages comes the newline that joins them. Deltas of a message that never comes whole (its model call
    failed) stay said: they cannot be taken back, and are the one case in which the pieces say more than the result.
    """

    def __init__(self) -> None:
        self._message_id: str | None = None
        self._given = 0
        self._begun = False

    def feed(self, body: ev.Body) -> str:
        """The piece of text this event brings; empty if it brings none."""
        match body:
            case ev.TextDelta():
                return self._say(body.message_id, body.text)
            case ev.Said():
                given = self._given if self._message_id == (body.id or "") else 0
                piece = self._say(body.id or "", body.text[given:])
                self._message_id = None
                return piece
            case _:
                return ""

    def _say(self, message_id: str, text: str) -> str:
        gap = ""
        if message_id != self._message_id:
            gap, self._message_id, self._given = "\n" if self._begun else "", message_id, 0
            self._begun = True
        self._given += len(text)
        return gap + text
