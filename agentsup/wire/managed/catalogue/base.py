"""What all events have in common, and the one for those that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import attrs

from agentsup.talk.content import hidden

Raw: TypeAlias = Mapping[str, Any]

Blocks: TypeAlias = tuple[Raw, ...]
"""Content as the service writes it: `{"type": "text", "text": ...}`, images, documents, search results, or kinds yet unknown."""


@attrs.frozen(slots=False)
class Event:
    """Something that happened in a session, as the service tells it."""

    # Without slots: attrs then fills a frozen instance by its dict, in half the time.

    type: ClassVar[str] = ""
    """The service's word for it; of an `Unknown` only `raw` has it."""

    raw: Raw = attrs.field(repr=hidden, eq=False)
    """The event as it came, with fields this version does not know."""

    id: str | None
    """Its id; also a tool call's id. None for previews. An interrupt's may be empty."""

    processed_at: str | None
    """When it was dealt with, RFC 3339; None while it is queued. An event that was queued is told twice under one id."""


@attrs.frozen(slots=False)
class Unknown(Event):
    """An event of a type that this version does not know, or whose fields are not those of its type. Everything is in `raw`."""

    kind: str = ""
    """The service's word for it."""

    misfit: str | None = None
    """For a known type: which fields are not as documented."""


def text_of(content: Blocks) -> str:
    """The text of all text blocks, joined by a newline; other blocks are passed over."""
    return "\n".join(str(block["text"]) for block in content if block.get("type") == "text" and "text" in block)
