"""A command's stream: what it wrote, piece by piece, and how it ended."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

from agentsup.talk.content import hidden
from agentsup.wire.agentcore.frames import StreamEvent
from agentsup.wire.errors import RemoteProtocolError


@attrs.frozen
class Output:
    """A piece of what the command wrote."""

    stream: Literal["stdout", "stderr"]
    text: str = attrs.field(repr=hidden)


@attrs.frozen
class Exit:
    """The command's end; the last thing there is."""

    code: int
    """0 is success, more is the command's own word, -1 is the platform's failure."""

    timed_out: bool = False
    """It took longer than it had, and was stopped."""


CommandEvent: TypeAlias = Output | Exit


class CommandFold:
    """One command's stream on its way."""

    def __init__(self) -> None:
        self._exit: Exit | None = None

    def feed(self, event: StreamEvent) -> list[CommandEvent]:
        """What the event means; what is not known is passed over.

        Raises:
            RemoteProtocolError: something comes after the end, or the end does not say how.
        """
        if event.name != "chunk":
            return []
        if self._exit is not None:
            raise RemoteProtocolError("a command's stream goes on after its end")
        told: list[CommandEvent] = []
        delta, stop = event.value.get("contentDelta"), event.value.get("contentStop")
        if isinstance(delta, dict):
            pieces = (("stdout", delta.get("stdout")), ("stderr", delta.get("stderr")))
            told += [Output(name, text) for name, text in pieces if isinstance(text, str) and text]  # type: ignore[arg-type]  # the two names above
        if isinstance(stop, dict):
            self._exit = _exit(stop)
            told.append(self._exit)
        return told

    def end(self) -> None:
        """The stream has ended.

        Raises:
            RemoteProtocolError: before the command had.
        """
        if self._exit is None:
            raise RemoteProtocolError("the stream ended before the command did")


def _exit(stop: dict[str, Any]) -> Exit:
    code = stop.get("exitCode")
    if not isinstance(code, int) or isinstance(code, bool):
        raise RemoteProtocolError("a command's end has no exit code")
    return Exit(code, stop.get("status") == "TIMED_OUT")
