"""What people, agents and tools say: text, images, documents, what a search found.

The content of a conversation never shows in a `repr`: it would end up in logs. Nothing here reads a file or an address; who has the bytes
passes them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs

from agentsup.errors import Problem, SpecError


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


def _as_base64(data: bytes | str | None) -> str | None:
    """Bytes in base64, in which every wire carries them; what is text already is checked when the part is made."""
    return base64.b64encode(data).decode() if isinstance(data, bytes | bytearray | memoryview) else data


def _sayable_or_none(text: str | None) -> str | None:
    return sayable(text) if isinstance(text, str) else text


def _sayable_text(text: str) -> str:
    if not isinstance(text, str):
        raise SpecError.of("text", f"must be text, not {type(text).__name__}")
    return sayable(text)


@attrs.frozen
class Text:
    """A piece of text; what cannot be said in UTF-8 is replaced.

    Raises:
        SpecError: it is no text.
    """

    text: str = attrs.field(repr=hidden, converter=_sayable_text)
    """The text; may have several lines."""


@attrs.frozen(kw_only=True)
class Image:
    """A picture: its bytes, or where the provider finds it. Exactly one of `data`, `url` and `file_id` is given.

    Raises:
        SpecError: none of them is given or several are, or one cannot be used.
    """

    data: str | None = attrs.field(default=None, repr=hidden, converter=_as_base64)
    """The picture itself: `bytes`, or a `str` that is base64 already. It is kept as base64."""

    media_type: str | None = None
    """With `data`: what it is, e.g. `image/png`."""

    url: str | None = attrs.field(default=None, repr=hidden)
    """Where the provider fetches it."""

    file_id: str | None = None
    """The provider's id of a file that was uploaded before."""

    def __attrs_post_init__(self) -> None:
        problems = list(_source_problems(self, ("data", "url", "file_id")))
        kind = self.media_type
        if self.data is not None and not (isinstance(kind, str) and kind.startswith("image/")):
            problems.append(Problem("media_type", f"must say what the data is, e.g. 'image/png', not {kind!r}"))
        _refuse(problems)


@attrs.frozen(kw_only=True)
class Document:
    """Something to read: its bytes, its text, or where the provider finds it. Exactly one of `data`, `text`, `url` and `file_id` is given.

    Raises:
        SpecError: none of them is given or several are, or one cannot be used.
    """

    data: str | None = attrs.field(default=None, repr=hidden, converter=_as_base64)
    """The document itself: `bytes`, or a `str` that is base64 already. It is kept as base64."""

    media_type: str | None = attrs.field(
        default=attrs.Factory(lambda self: "application/pdf" if self.data is not None else None, takes_self=True)
    )
    """With `data`: what it is; `application/pdf` if not given."""

    text: str | None = attrs.field(default=None, repr=hidden, converter=_sayable_or_none)
    """The document as plain text."""

    url: str | None = attrs.field(default=None, repr=hidden)
    """Where the provider fetches it."""

    file_id: str | None = None
    """The provider's id of a file that was uploaded before."""

    title: str | None = attrs.field(default=None, repr=hidden, converter=_sayable_or_none)
    """What it is called."""

    context: str | None = attrs.field(default=None, repr=hidden, converter=_sayable_or_none)
    """What the model should know about it beyond its content."""

    def __attrs_post_init__(self) -> None:
        problems = list(_source_problems(self, ("data", "text", "url", "file_id")))
        for name in ("media_type", "title", "context"):
            value = getattr(self, name)
            if not isinstance(value, str | None):
                problems.append(Problem(name, f"must be text, not {type(value).__name__}"))
        _refuse(problems)


@attrs.frozen(kw_only=True)
class SearchResult:
    """A passage that a search found, and where: a model can say whom it quotes. Only in a tool's result.

    Raises:
        SpecError: something in it is no text, or empty.
    """

    source: str = attrs.field(repr=hidden, converter=_sayable_or_none)
    """Where it is from: an address, a path, a name."""

    title: str = attrs.field(repr=hidden, converter=_sayable_or_none)
    """What that is called."""

    text: str = attrs.field(repr=hidden, converter=_sayable_or_none)
    """The passage."""

    citations: bool = False
    """Whether the model is to say where it quotes it; of one request's search results all must, or none."""

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, "must be text, and not empty")
            for name in ("source", "title", "text")
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip()
        ]
        if type(self.citations) is not bool:
            problems.append(Problem("citations", f"must be True or False, not {self.citations!r}"))
        _refuse(problems)


Part: TypeAlias = Text | Image | Document | SearchResult
"""One part of an input or of a tool's result."""

Input: TypeAlias = str | Sequence[Part]
"""What a request begins with."""


def as_parts(content: Input) -> tuple[Part, ...]:
    """The input as parts, whichever way it was written.

    Raises:
        SpecError: it is neither text nor a sequence of parts; every item that is none is named.
    """
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list | tuple):
        raise SpecError.of("content", f"must be text or a list of parts, not {type(content).__name__}")
    _refuse(
        [
            Problem(
                f"content[{place}]",
                f"must be a Text, an Image, a Document or a SearchResult, not {type(part).__name__}",
            )
            for place, part in enumerate(content)
            if not isinstance(part, Part)
        ]
    )
    return tuple(content)


def as_request(content: Input) -> tuple[Part, ...]:
    """What a request begins with, as parts.

    Raises:
        SpecError: it is neither text nor a sequence of parts, or says nothing; or there is what only a tool can say.
    """
    parts = as_parts(content)
    _refuse(
        [
            Problem(f"content[{place}]", "is a SearchResult, which only a tool's result may have")
            for place, part in enumerate(parts)
            if isinstance(part, SearchResult)
        ]
    )
    if all(isinstance(part, Text) and not part.text.strip() for part in parts):
        raise SpecError.of("content", "must not be empty: the agent is told nothing by it")
    return parts


def as_text(parts: Sequence[Part]) -> str:
    """The text among the parts, joined by newlines; what is said in pictures and documents is not text."""
    return "\n".join(part.text for part in parts if isinstance(part, Text))


# --- private -----------------------------------------------------------------------------------------------------------------------------


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise SpecError(problems)


def _source_problems(part: Image | Document, names: tuple[str, ...]) -> Iterator[Problem]:
    """What is wrong with where the content comes from; never with the content in it."""
    given = {name: getattr(part, name) for name in names if getattr(part, name) is not None}
    if len(given) != 1:
        found = ", ".join(given) or "none"
        yield Problem(type(part).__name__, f"needs exactly one of {', '.join(names)}; given: {found}")
    for name, value in given.items():
        wrong = _why_unusable(name, value)
        if wrong is not None:
            yield Problem(name, wrong)
    if "data" not in given and part.media_type is not None:
        yield Problem("media_type", "goes with data only")


def _why_unusable(name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be {'bytes or base64' if name == 'data' else 'text'}, not {type(value).__name__}"
    if not value:
        return "must not be empty"
    if name == "data" and not _is_base64(value):
        return "must be bytes, or a str in base64"
    if name == "url" and not value.startswith(("https://", "http://")):
        return "must begin with https:// or http://"
    return None


def _is_base64(text: str) -> bool:
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return False
    return True
