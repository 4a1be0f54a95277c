"""Tools as they are talked about: what the model is told, what it asks for, what it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from agentsup.ids import CallId, SessionId
from agentsup.talk.content import Part, Text, as_text, hidden, sayable

Effect: TypeAlias = Literal["pure", "idempotent", "unsafe"]
"""What a tool says about being run twice: `pure` and `idempotent` may be run again with the same call id after a crash,
`unsafe` may not: its call is then answered with an error that says its outcome is unknown."""

DEFAULT_MAX_OUTPUT = 100_000
"""Characters: some 25,000 tokens, which is a good part of what a model can keep in mind, and more than any answer needs."""


@attrs.frozen(kw_only=True)
class ToolSpec:
    """A tool as the model sees it, and what the runtime must know to run it."""

    name: str
    """The name the model calls it by."""

    description: str = ""
    """What the model is told it does."""

    input_schema: Mapping[str, Any] = attrs.field(factory=lambda: {"type": "object", "properties": {}}, repr=False)
    """A JSON Schema of type `object`."""

    effect: Effect = "unsafe"
    """Whether a call may be run again after a crash."""

    timeout: float | None = None
    """Seconds one call may take; None leaves it to the request's own timeout."""

    needs_approval: bool = False
    """Whether a call may have to be approved before it runs."""

    max_output: int = DEFAULT_MAX_OUTPUT
    """Characters of text a result may have; of a longer one the model gets head and tail, and is told what is missing."""


@attrs.frozen
class ToolUse:
    """The model wants a tool run."""

    call_id: CallId
    """The provider's id of the call."""

    name: str
    """The name of the tool."""

    input: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """The arguments, as the model gave them."""


@attrs.frozen
class ToolResult:
    """What a call came to; exactly one per call goes back to the model."""

    call_id: CallId
    """The call it answers."""

    text: str = attrs.field(repr=hidden, converter=sayable)
    """What the model is given to read."""

    is_error: bool = False
    """Whether the call failed; the text then says how."""

    content: tuple[Part, ...] = attrs.field(default=(), repr=hidden)
    """The parts, where there is more than one text: these are then what the model gets, and `text` is the text among them."""

    @classmethod
    def of(cls, call_id: CallId, parts: Sequence[Part], *, is_error: bool = False) -> ToolResult:
        """The result made of these parts; a single text is a plain text."""
        plain = not parts or (len(parts) == 1 and isinstance(parts[0], Text))
        return cls(call_id, as_text(parts), is_error, () if plain else tuple(parts))

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the model gets, as parts; an empty text is none."""
        return self.content or ((Text(self.text),) if self.text else ())


@attrs.frozen(kw_only=True)
class SessionInfo:
    """Where a tool call or an observed event happens; a tool that names a parameter of this type is given one."""

    session_id: SessionId
    """The session's id here."""

    provider: str
    """The provider's kind, e.g. `claude-managed-agents`."""

    provider_session_id: str | None = None
    """The provider's id of it."""

    call_id: CallId | None = None
    """In a tool: the call's id, which is also its idempotency key."""

    metadata: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """The spec's `metadata`: your own labels."""
