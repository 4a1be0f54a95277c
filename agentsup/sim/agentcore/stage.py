"""Stage directions as this wire takes them: a script that cannot be performed is refused as a whole, naming the lines. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentsup.errors import Problem
from agentsup.sim import directions
from agentsup.sim.directions import Direction
from agentsup.sim.script import read_script

from .definition import TOOL_NAME
from .frames import MOST_NAME_BYTES
from .refusal import FIELDS, AwsRefused

_NOT_HERE = frozenset({"ask", "stale", "thread", "verdict"})
"""What this API has no word for: confirmations, idle events, child threads, outcomes."""

_BARE_TOOL = re.compile(r"@tool[ ]+\S+\s*")


def read_stage(text: str, path: str) -> tuple[Direction, ...]:
    """The directions in a user's text.

    Args:
        text: of all text blocks of the message, joined by LF.
        path: where it stood, for the refusal.

    Raises:
        AwsRefused: 400 that quotes every line that is no direction of this wire.
    """
    lines = text.split("\n")
    script = read_script("\n".join(_with_input(line) for line in lines), without=_NOT_HERE)
    numbered = [(number, line.removesuffix("\r")) for number, line in enumerate(lines, start=1) if line.startswith("@")]
    wrong = [
        f"line {number}: unknown stage direction: {line}"
        for (number, line), direction in zip(numbered, script, strict=False)
        if not _can_be_performed(direction)
    ]
    if wrong:
        problems = [Problem(path, one) for one in wrong]
        raise AwsRefused("ValidationException", "; ".join(wrong), reason=FIELDS, fields=problems)
    return script


def _with_input(line: str) -> str:
    """A `@tool` line without JSON means one with an empty object."""
    return f"{line.rstrip()} {{}}" if _BARE_TOOL.fullmatch(line) else line


def _can_be_performed(direction: Direction) -> bool:
    match direction:
        case directions.Misread():
            return False
        case directions.Tool(name) | directions.Server(name):
            return not TOOL_NAME.faults(name)
        case directions.WriteFile(name):
            path = PurePosixPath(name)
            return not path.is_absolute() and ".." not in path.parts and path.name != "" and "\0" not in name
        case directions.Frame(event):
            return len(event.encode("utf-8", "replace")) <= MOST_NAME_BYTES
        case directions.Emit(event):
            return 0 < len(event["type"].encode("utf-8", "replace")) <= MOST_NAME_BYTES
        case _:
            return True
