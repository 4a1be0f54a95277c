"""Content as the service writes it: blocks, of our own parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from agentsup.talk.content import Document, Image, Part, SearchResult, Text


def blocks_of(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The parts as content blocks. An empty text is left out: the service refuses empty text blocks."""
    return [_block(part) for part in parts if not (isinstance(part, Text) and not part.text)]


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            return {"type": "image", "source": _source(part)}
        case Document(title=title, context=context):
            said = {"title": title, "context": context}
            told = {name: value for name, value in said.items() if value is not None}
            return {"type": "document", "source": _source(part), **told}
        case SearchResult(source=source, title=title, text=text, citations=citations):
            content = [{"type": "text", "text": text}]
            block = {"type": "search_result", "source": source, "title": title, "content": content}
            return {**block, "citations": {"enabled": citations}}
    assert_never(part)


def _source(part: Image | Document) -> dict[str, Any]:
    """Where the content comes from; a part has exactly one source."""
    if isinstance(part, Document) and part.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.data is not None:
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return {"type": "file", "file_id": part.file_id}
