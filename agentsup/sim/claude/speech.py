"""The model calls of one thread, one after the other, and what is said in them."""

from __future__ import annotations

from agentsup.sim.exchange import Json

from .content import text_block
from .thread import Voice
from .usage import Tokens


class Speech:
    """What one thread says; it says it in model calls, each from `span.model_request_start` to `_end`."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._span: str | None = None
        self._tokens: Tokens | None = None

    def begin(self) -> None:
        """A model call is under way from here on; where one is already, it goes on."""
        if self._span is None:
            self._span = self._voice.post("span.model_request_start")["id"]
            self._tokens = None

    def end(self, *, failed: bool = False) -> None:
        """The model call under way ends, if there is one."""
        if self._span is None:
            return
        tokens = self._tokens or Tokens()
        self._voice.count(tokens)
        self._voice.post(
            "span.model_request_end",
            model_request_start_id=self._span,
            is_error=True if failed else None,
            model_usage=tokens.model_usage(),
        )
        self._span = None

    def count(self, tokens: Tokens) -> None:
        """Sets the counts of the model call under way; where it has some already, of the next one."""
        if self._tokens is not None:
            self.end()
        self.begin()
        self._tokens = tokens

    def say(self, pieces: list[str], *, preview: bool = False) -> None:
        """A message of these pieces; with `preview`, who asked for deltas hears each piece first."""
        message = self._voice.event("agent.message", content=[text_block("".join(pieces))])
        if preview:
            self._preview(message)
            for piece in pieces:
                delta = {"type": "content_delta", "index": 0, "content": text_block(piece)}
                shown = {"type": "event_delta", "event_id": message["id"], "delta": delta}
                self._voice.feed.preview("agent.message", shown)
        self._voice.feed.publish(message)

    def think(self) -> None:
        """A sign of thinking, which has no text on this wire."""
        thinking = self._voice.event("agent.thinking")
        self._preview(thinking)
        self._voice.feed.publish(thinking)

    def emit(self, event: Json) -> None:
        """An event as it is written; what it lacks of id and time is added."""
        made = self._voice.event(event["type"])
        self._voice.feed.publish({**made, **event})

    def _preview(self, event: Json) -> None:
        started = {"type": event["type"], "id": event["id"]}
        self._voice.feed.preview(event["type"], {"type": "event_start", "event": started})
