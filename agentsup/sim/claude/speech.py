"""The model calls of one thread, one after the other, and what is said in them."""

from __future__ import annotations

from agentsup.sim.directions import Deltas
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

    @property
    def counted(self) -> bool:
        """Whether the model call under way has its counts."""
        return self._span is not None and self._tokens is not None

    def count(self, tokens: Tokens) -> None:
        """Sets the counts of the model call under way."""
        self.begin()
        self._tokens = tokens

    def say(self, text: str) -> None:
        """A message."""
        self._voice.post("agent.message", content=[text_block(text)])

    async def say_in_pieces(self, deltas: Deltas) -> None:
        """A message that who asked for deltas hears in pieces first; without anybody who did, nothing waits here."""
        content = [text_block(deltas.text())]
        message = self._voice.event("agent.message", content=content)
        preview = self._voice.feed.preview(message)
        for index in range(deltas.count if preview.wanted else 0):
            if preview.add(text_block(deltas.piece(index))):
                await preview.pause()
                if not preview.wanted:
                    break
        done = self._voice.event("agent.message", content=content)  # the time it was done, not that it was begun
        self._voice.feed.publish({**done, "id": message["id"]})

    def think(self) -> None:
        """A sign of thinking, which has no text on this wire."""
        thinking = self._voice.event("agent.thinking")
        self._voice.feed.preview(thinking)
        self._voice.feed.publish(thinking)

    def emit(self, event: Json) -> None:
        """An event as it is written; what it lacks of id and time is added."""
        made = self._voice.event(event["type"], **{key: value for key, value in event.items() if key != "type"})
        self._voice.feed.publish({**made, **event})
