"""Content blocks: what a message or a tool result may be made of, and the text in it."""

from __future__ import annotations

from typing import Any

from agentsup.sim.exchange import Json
from agentsup.sim.fields import Form

MESSAGE_BLOCKS = frozenset({"text", "image", "document"})
RESULT_BLOCKS = MESSAGE_BLOCKS | {"search_result"}

_SOURCES = {
    "image": {"base64": ("media_type", "data"), "url": ("url",), "file": ("file_id",)},
    "document": {
        "base64": ("media_type", "data"),
        "text": ("media_type", "data"),
        "url": ("url",),
        "file": ("file_id",),
    },
}


def check_blocks(form: Form, allowed: frozenset[str], *, required: bool) -> None:
    """Notes what is wrong with the `content` of a message or result."""
    for block in form.children("content", required=required, least=1 if required else 0):
        kind = block.choice("type", allowed, required=True)
        if kind == "text":
            block.text("text", required=True)
        elif kind in _SOURCES:
            _check_source(block, kind)
            if kind == "document":
                block.text("title")
                block.text("context")
        elif kind == "search_result":
            block.text("source", required=True)
            block.text("title", required=True)
            check_blocks(block, frozenset({"text"}), required=False)
            if block.data.get("content") is None:
                block.wrong("content", "field required")
            citations = block.child("citations", required=True)
            if citations is not None:
                citations.boolean("enabled", required=True)


def _check_source(block: Form, kind: str) -> None:
    source = block.child("source", required=True)
    if source is None:
        return
    chosen = source.choice("type", _SOURCES[kind].keys(), required=True)
    for field in _SOURCES[kind].get(chosen or "", ()):
        source.text(field, required=True)
    if chosen == "text":
        source.choice("media_type", ("text/plain",))


_TEXT = ("type", "text")
_BLOCK_FIELDS = {
    "text": _TEXT,
    "image": ("type", "source"),
    "document": ("type", "source", "title", "context"),
    "search_result": ("type", "source", "title", "content", "citations"),
}


def known_blocks(content: Any) -> Any:
    """Checked blocks with the fields that the API knows, and no others."""
    return None if content is None else [_known(block) for block in content]


def _known(block: Json) -> Json:
    kind = block["type"]
    made = {key: block[key] for key in _BLOCK_FIELDS[kind] if key in block}
    if kind in _SOURCES:
        fields = _SOURCES[kind][block["source"]["type"]]
        made["source"] = {key: block["source"][key] for key in ("type", *fields)}
    elif kind == "search_result":
        made["content"] = known_blocks(block["content"])
        made["citations"] = {"enabled": block["citations"]["enabled"]}
    return made


def text_of(content: Any) -> str:
    """The text blocks joined by line feeds; other blocks have no say in what the simulated agent does."""
    blocks: list[Json] = content if isinstance(content, list) else []
    return "\n".join(block["text"] for block in blocks if block.get("type") == "text")


def text_block(text: str) -> Json:
    """One text block."""
    return {"type": "text", "text": text}
