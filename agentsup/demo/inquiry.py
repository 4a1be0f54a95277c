"""What is asked about a part of the folder, and what the true answer is. Pure but for the tools, which are called directly for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from agentsup.demo.part import Part
from agentsup.demo.trouble import Trouble
from agentsup.session.answer import text_of
from agentsup.session.errors import ToolError
from agentsup.session.tool import Tool

PACE = 0.3
"""Seconds the simulated agent thinks before it calls tools, so that there is something to watch."""

WORD = "the"
"""What is looked for in every part: a word most texts have."""


@attrs.frozen
class Call:
    """A tool is to be called so."""

    tool: str
    input: Mapping[str, Any]

    def directly(self, tools: Sequence[Tool]) -> str:
        """What the tool gives when it is called here and now, as the agent would be told."""
        found = next(tool for tool in tools if tool.name == self.tool)
        try:
            return text_of(found(**self.input))
        except ToolError as exc:
            return str(exc)


@attrs.frozen
class Step:
    """Calls that are made together, and what is said of their results."""

    lead: str
    calls: tuple[Call, ...]


def steps_about(part: Part) -> tuple[Step, ...]:
    """What is done to answer what is in a part of the folder."""
    first, last = part.files[0], part.files[-1]
    counted = dict.fromkeys([first, part.files[len(part.files) // 2], last])
    return (
        Step(
            f"In {part.title} there are",
            (Call("list_files", {"folder": part.folder}), *(Call("count_lines", {"path": name}) for name in counted)),
        ),
        Step("It begins with", (Call("read_file", {"path": first}), Call("read_file", {"path": last}))),
        Step(f"Of {WORD!r} it tells in", (Call("search", {"text": WORD, "folder": part.folder}),)),
    )


def answer_to(steps: Sequence[Step], tools: Sequence[Tool]) -> str:
    """The true answer: what the tools give when they are called directly."""
    return "\n".join(f"{step.lead} {', '.join(call.directly(tools) for call in step.calls)}" for step in steps)


def directions(steps: Sequence[Step], trouble: Trouble, *, hurry: float = 1.0) -> str:
    """The stage directions that make the simulated agent do it; it thinks so many times as quickly."""
    return "\n".join(_lines(steps, trouble, PACE / hurry))


def _lines(steps: Sequence[Step], trouble: Trouble, pace: float) -> Iterator[str]:
    if trouble.tool_raises:
        yield _tool(steps[0].calls[-1])  # this one fails; below the agent tries again
    for number, step in enumerate(steps):
        yield f"@sleep {pace}"
        yield from (_tool(call) for call in step.calls)
        yield f"@say {step.lead} {{results}}"
        if trouble.stream_breaks is not None and number == 1:
            yield f"@{trouble.stream_breaks}"


def _tool(call: Call) -> str:
    return f"@tool {call.tool} {json.dumps(call.input)}"


def request_about(part: Part) -> str:
    """The same as a request to an agent that thinks."""
    return (
        f"What is in this part of the folder: {part.title}? Look with your tools; call several at once where you can. "
        f"List the files of {part.folder!r}, count the lines of a few, read the beginnings of one or two, "
        f"and say in three sentences what this part is for, with the numbers you were given."
    )
