"""What people and agents say: text, for now the one part every provider takes.

The content of a conversation never shows in a `repr`: it would end up in logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs


def hidden(value: object) -> str:
    """The size of a piece of content instead of the content."""
    match value:
        case None:
            return "None"
        case str() | bytes() | list() | tuple() | dict():
            return f"<{len(value)}>"
        case _:
            return f"<{type(value).__name__}>"


def sayable(text: str) -> str:
    """The text with a question mark for each lone surrogate: file names and broken decoders bring them, and no wire can carry them."""
    return text.encode("utf-8", "replace").decode()


@attrs.frozen
class Text:
    """A piece of text; what cannot be said in UTF-8 is replaced."""

    text: str = attrs.field(repr=hidden, converter=sayable)
    """The text; may have several lines."""


Part: TypeAlias = Text
"""One part of an input or of a tool's result."""

Input: TypeAlias = str | Sequence[Part]
"""What a request begins with."""


def as_parts(content: Input) -> tuple[Part, ...]:
    """The input as parts, whichever way it was written."""
    return (Text(content),) if isinstance(content, str) else tuple(content)


def as_text(parts: Sequence[Part]) -> str:
    """The text of all parts, joined by newlines."""
    return "\n".join(part.text for part in parts)
