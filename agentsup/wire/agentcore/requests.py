"""What is said to a harness: queries, headers and bodies as plain data.

Source: the service models, as told in this project's reference notes; the tests hold each against AWS's own client.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentsup.talk.content import Part, SearchResult, Text
from agentsup.talk.outgoing import GiveResult, Outgoing, SayMessage
from agentsup.wire.errors import LocalProtocolError

SERVICE: Final = "bedrock-agentcore"
"""The service's name in signatures, for both planes."""

SESSION_HEADER: Final = "x-amzn-bedrock-agentcore-runtime-session-id"

MAX_COMMAND: Final = 65536
"""Characters of one command."""

Query = tuple[tuple[str, str], ...]


def arn_query(arn: str, qualifier: str | None) -> Query:
    """The query of an invoke."""
    return (("harnessArn", arn), *qualified(qualifier))


def qualified(qualifier: str | None) -> Query:
    """The endpoint that is asked; the default one needs no word."""
    return () if qualifier is None else (("qualifier", qualifier),)


def messages(items: Sequence[Outgoing]) -> list[dict[str, Any]]:
    """The messages of one invoke: the results of calls with the calls they answer, and texts.

    The calls are said again although newer versions of the service know them: older ones refuse results without, and the newer ones ignore
    what they know.

    Raises:
        LocalProtocolError: something that a harness does not take; the session's history stays as it was.
    """
    results = [item for item in items if isinstance(item, GiveResult)]
    texts = [block for item in items if isinstance(item, SayMessage) for block in _texts(item.parts)]
    said: list[dict[str, Any]] = []
    if calls := [_call(item) for item in results if item.use is not None]:
        said.append({"role": "assistant", "content": calls})
    if content := [*(_result(item) for item in results), *texts]:
        said.append({"role": "user", "content": content})
    return said


def invoke(said: list[dict[str, Any]], overrides: Mapping[str, Any], seconds: float | None) -> dict[str, Any]:
    """The body of an invoke.

    Args:
        said: the messages.
        overrides: what this session has otherwise than the harness, in the service's words; said with every invoke.
        seconds: what is left of the request's time; the service stops working when it is up, whether or not we are there to tell it.
    """
    body = {"messages": said, **overrides}
    if seconds is not None:
        limit = max(1, math.ceil(seconds))
        body["timeoutSeconds"] = min(limit, body["timeoutSeconds"]) if "timeoutSeconds" in body else limit
    return body


def _texts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    blocks = []
    for part in parts:
        if not isinstance(part, Text):
            raise LocalProtocolError(f"AgentCore harnesses take text, and this is a part of type {type(part).__name__}")
        if part.text:
            blocks.append({"text": part.text})
    return blocks


def _call(item: GiveResult) -> dict[str, Any]:
    use = item.use
    assert use is not None
    return {"toolUse": {"toolUseId": use.call_id, "name": use.name, "input": dict(use.input)}}


def _result(item: GiveResult) -> dict[str, Any]:
    """The result as text: JSON blocks are in the service's model, and its runtime was seen to refuse them."""
    result = item.result
    status = "error" if result.is_error else "success"
    content = [{"text": _as_text(part)} for part in result.parts]
    return {"toolResult": {"toolUseId": result.call_id, "content": content, "status": status}}


def _as_text(part: Part) -> str:
    """The part as text; of a picture or a document, what the model is told instead: it is no reason to end the request."""
    match part:
        case Text(text):
            return text
        case SearchResult(source=source, title=title, text=text):
            return f"{title} ({source}):\n{text}"
        case _:
            return f"[{type(part).__name__.lower()}: this provider takes text only]"
