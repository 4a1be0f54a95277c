"""What arrived at the provider, by its own word: its history where it shows one, else the requests that the simulator was sent. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import attrs

from agentsup.ids import CallId
from agentsup.talk.result import SessionResult
from agentsup.wire.agentcore.requests import SESSION_HEADER

INVOKE = "/harnesses/invoke"
"""The path by which a harness is told everything."""


class Told(NamedTuple):
    """One tool result as the provider has it."""

    call_id: CallId
    text: str
    is_error: bool


@attrs.frozen
class Arrived:
    """What arrived of one session, as often as it did."""

    prompts: int
    results: tuple[Told, ...]

    def is_once(self, result: SessionResult) -> bool:
        """Whether the prompt is there once, and one result for each call the agent made."""
        counts = Counter(told.call_id for told in self.results)
        return self.prompts == 1 and counts == Counter(use.call_id for use in result.tool_uses)


def by_history(result: SessionResult) -> Arrived:
    """What the history of Claude Managed Agents shows."""
    prompts = sum(raw.get("type") == "user.message" for raw in result.events)
    return Arrived(prompts, tuple(_in_history(result.events)))


def _in_history(events: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    for raw in events:
        if raw.get("type") == "user.custom_tool_result":
            yield Told(CallId(str(raw.get("custom_tool_use_id"))), _text_in(raw), bool(raw.get("is_error")))


def by_requests(requests: Sequence[Mapping[str, Any]]) -> dict[str, Arrived]:
    """What a simulated Bedrock AgentCore was sent, by its ids of the sessions; the service itself shows none of it.

    Args:
        requests: everything that arrived, as `GET /_sim/requests` shows it.
    """
    said: dict[str, list[Mapping[str, Any]]] = {}
    for request in requests:
        if request["path"] == INVOKE:
            said.setdefault(request["headers"].get(SESSION_HEADER, ""), []).extend(_blocks(request["body"]))
    return {
        session_id: Arrived(sum("text" in block for block in blocks), tuple(_in_blocks(blocks)))
        for session_id, blocks in said.items()
    }


def _blocks(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for message in body["messages"]:
        if message["role"] == "user":
            yield from message["content"]


def _in_blocks(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    for block in blocks:
        if (raw := block.get("toolResult")) is not None:
            yield Told(CallId(str(raw["toolUseId"])), _text_in(raw), raw.get("status") == "error")


def _text_in(raw: Mapping[str, Any]) -> str:
    return "".join(str(block.get("text", "")) for block in raw.get("content") or ())
