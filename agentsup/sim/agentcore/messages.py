"""What the messages of an invoke mean to a session: something new to do, or the answers to its open calls. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

from agentsup.errors import Problem
from agentsup.sim.directions import Direction
from agentsup.sim.exchange import Json, encode_json

from .refusal import AwsRefused, invalid_fields
from .stage import read_stage


@attrs.frozen
class Call:
    """A call of one of the client's tools that waits for its result."""

    id: str
    name: str
    input: Json = attrs.field(repr=False)


@attrs.frozen
class Prompt:
    """Something new to do."""

    script: tuple[Direction, ...] = attrs.field(repr=False)


@attrs.frozen
class Results:
    """The answers to every open call, as texts in the order of the calls."""

    texts: tuple[str, ...] = attrs.field(repr=False)


Meaning: TypeAlias = Prompt | Results


@attrs.frozen
class _Block:
    """One content block, and where it stands."""

    path: str
    message: int
    role: str
    kind: str
    value: Json | str = attrs.field(repr=False)


def read_messages(messages: Sequence[Json], pending: Sequence[Call], *, strict: bool) -> Meaning:
    """What a request says to a session with those open calls.

    Only what stands behind the last assistant message is new; what comes before it is history, which the session has itself. Of
    several new texts the newest message's counts.

    Args:
        messages: of the right shape already.
        pending: the open calls, in order.
        strict: whether the tool uses must be sent again with their results.

    Raises:
        AwsRefused: 400 that names each block that is out of place; nothing has changed.
    """
    blocks = [
        _Block(f"messages.{m}.member.content.{b}.member", m, message["role"], *_only(block))
        for m, message in enumerate(messages, start=1)
        for b, block in enumerate(message["content"], start=1)
    ]
    _check_places(messages, blocks)
    last_said = max((m for m, message in enumerate(messages, start=1) if message["role"] == "assistant"), default=0)
    new = [block for block in blocks if block.message > last_said]
    results = [block for block in new if block.kind == "toolResult"]
    texts = [block for block in new if block.kind == "text"]
    if pending:
        again = [block for block in blocks if block.message == last_said and block.kind == "toolUse"]
        _check_resume(pending, results, texts)
        if strict:
            _check_sent_again(pending, again)
        answers = {_tool_use(block)["toolUseId"]: _text_of(_tool_use(block)) for block in results}
        return Results(tuple(answers[call.id] for call in pending))
    if results:
        raise invalid_fields([_wrong(block, "Member must be the id of an open tool call") for block in results])
    if not texts:
        raise invalid_fields([Problem("messages", "Member must have a text to answer, or the results of open calls")])
    newest = [block for block in texts if block.message == texts[-1].message]
    return Prompt(read_stage("\n".join(str(block.value) for block in newest), newest[0].path + ".text"))


def _only(block: Json) -> tuple[str, Json | str]:
    return next((kind, value) for kind, value in block.items() if value is not None and kind != "__type")


def _tool_use(block: _Block) -> Json:
    assert isinstance(block.value, dict)
    return block.value


def _text_of(result: Json) -> str:
    """A result as `{results}` shows it."""
    parts = [_only(part) for part in result["content"]]
    return "\n".join(str(value) if kind == "text" else encode_json(value).decode() for kind, value in parts)


def _wrong(block: _Block, message: str) -> Problem:
    member = ".toolUseId" if block.kind in ("toolUse", "toolResult") else ""
    return Problem(f"{block.path}.{block.kind}{member}", message)


def _check_places(messages: Sequence[Json], blocks: Sequence[_Block]) -> None:
    problems = [
        Problem(f"{block.path}.{block.kind}", f"Member must not be in a message of role {block.role}")
        for block in blocks
        if (block.kind, block.role) in (("toolUse", "user"), ("reasoningContent", "user"), ("toolResult", "assistant"))
    ]
    if not messages or messages[-1]["role"] != "user":
        problems.append(Problem("messages", "Member must end with a message of role user"))
    if problems:
        raise invalid_fields(problems)


def _check_resume(pending: Sequence[Call], results: Sequence[_Block], texts: Sequence[_Block]) -> None:
    """Each open call answered exactly once, and nothing else said."""
    open_ids = [call.id for call in pending]
    waiting = f"the results of the open tool calls: [{', '.join(open_ids)}]"
    problems = [_wrong(block, f"Member must wait for {waiting}") for block in texts]
    answered: set[str] = set()
    for block in results:
        call_id = _tool_use(block)["toolUseId"]
        if call_id not in open_ids:
            problems.append(_wrong(block, "Member must be the id of an open tool call"))
        elif call_id in answered:
            problems.append(_wrong(block, "Member must not answer a tool call a second time"))
        answered.add(call_id)
    if not set(open_ids) <= answered:
        problems.append(Problem("messages", f"Member must have {waiting}"))
    if problems:
        raise invalid_fields(problems)


def _check_sent_again(pending: Sequence[Call], again: Sequence[_Block]) -> None:
    sent = [(_tool_use(block)["toolUseId"], _tool_use(block)["name"]) for block in again]
    wanted = [(call.id, call.name) for call in pending]
    if sorted(sent) != sorted(wanted):
        told = ", ".join(call.id for call in pending)
        raise AwsRefused(
            "ValidationException",
            f"The results must follow an assistant message with exactly these tool uses: [{told}]",
            fields=[Problem("messages", "Member must send the tool uses again before their results")],
        )
