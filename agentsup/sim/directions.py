"""The stage directions: what a line of a script can tell the simulated agent to do. Reading them is `script`."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

_LETTERS = 26


@attrs.frozen
class Echo:
    """Answers with the message's own text."""

    text: str = attrs.field(repr=False)


@attrs.frozen
class Say:
    """`@say TEXT`: a message; `{results}` in it becomes the last batch's results."""

    text: str = attrs.field(repr=False)


@attrs.frozen
class Misread:
    """A line that is no direction."""

    line: str = attrs.field(repr=False)


@attrs.frozen
class Tool:
    """`@tool NAME JSON`: a call of the client's tool."""

    name: str
    input: dict[str, Any] = attrs.field(repr=False)


@attrs.frozen
class Server:
    """`@server NAME JSON`: a tool of the provider; input and output are both the JSON."""

    name: str
    input: dict[str, Any] = attrs.field(repr=False)
    output: str = attrs.field(repr=False)
    """The JSON as it was written."""


@attrs.frozen
class Ask:
    """`@ask NAME JSON`: a tool of the provider that needs a confirmation first."""

    name: str
    input: dict[str, Any] = attrs.field(repr=False)
    output: str = attrs.field(repr=False)


@attrs.frozen
class Think:
    """`@think TEXT`: reasoning."""

    text: str = attrs.field(repr=False)


@attrs.frozen
class Sleep:
    """`@sleep SECONDS`: takes its time; a day at most."""

    seconds: float


@attrs.frozen
class Deltas:
    """`@deltas N BYTES`: one message of N pieces of BYTES bytes each; 64 MiB at most."""

    count: int
    size: int

    def piece(self, index: int) -> str:
        """One piece: one letter, the next one's a letter further, so that a lost or doubled piece shows."""
        return chr(ord("a") + index % _LETTERS) * self.size

    def text(self) -> str:
        """All pieces in order; as fast for a million small ones as for one large one."""
        rounds, rest = divmod(self.count, _LETTERS)
        once = "".join(self.piece(index) for index in range(min(self.count, _LETTERS)))
        return once * rounds + once[: rest * self.size] if rounds else once


@attrs.frozen
class Usage:
    """`@usage IN OUT`: the token counts of this model call."""

    input_tokens: int
    output_tokens: int


@attrs.frozen
class Fail:
    """`@error TYPE STATUS`: a provider error; the status is `retrying`, `exhausted` or `terminal`."""

    kind: str
    status: str


@attrs.frozen
class Cut:
    """`@cut`: breaks every open stream in the middle of a frame."""


@attrs.frozen
class Eof:
    """`@eof`: ends every open stream cleanly."""


@attrs.frozen
class Stale:
    """`@stale`: repeats the last requires_action idle."""


@attrs.frozen
class Stop:
    """`@stop REASON`: ends the turn with this stop reason."""

    reason: str


@attrs.frozen
class Frame:
    """`@frame EVENT DATA`: an SSE frame as it is, on the streams only."""

    event: str
    data: str = attrs.field(repr=False)


@attrs.frozen
class Emit:
    """`@event JSON`: an event as it is, in streams and history."""

    event: dict[str, Any] = attrs.field(repr=False)


@attrs.frozen
class WriteFile:
    """`@file NAME TEXT`: a file in the session's outputs."""

    name: str
    text: str = attrs.field(repr=False)


@attrs.frozen
class Thread:
    """`@thread NAME`: what follows is a child thread's, to the next one or the end."""

    name: str


@attrs.frozen
class Verdict:
    """`@verdict RESULT`: the next evaluation's result."""

    result: str


Direction: TypeAlias = (
    Echo | Say | Misread | Tool | Server | Ask | Think | Sleep | Deltas | Usage | Fail | Cut | Eof | Stale | Stop | Frame | Emit
    | WriteFile | Thread | Verdict
)  # fmt: skip
