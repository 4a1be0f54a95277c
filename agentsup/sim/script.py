"""Stage directions: the text of a user message, read as a script of what the simulated agent is to do. Pure.

Lines that begin with `@` are directions; a text without any is answered with itself, in a text with at least one the other lines
are ignored. Lines end at LF or CRLF only. A line that is no direction becomes `Misread`, which the agent says aloud. Which
directions a protocol can perform is the protocol's business: it is handed the words it knows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from .directions import (
    Ask,
    Cut,
    Deltas,
    Direction,
    Echo,
    Emit,
    Eof,
    Fail,
    Frame,
    Misread,
    Say,
    Server,
    Sleep,
    Stale,
    Stop,
    Think,
    Thread,
    Tool,
    Usage,
    Verdict,
    WriteFile,
)

LONGEST_SLEEP_S = 86_400.0
MOST_DELTA_BYTES = 64 * 1024 * 1024


class _NotADirection(Exception):
    """The line cannot be read."""


def read_script(text: str, *, without: Collection[str] = ()) -> tuple[Direction, ...]:
    """The directions in a message, in order; `without` names the words that mean nothing here, such as `verdict`."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    directions = [line for line in lines if line.startswith("@")]
    if not directions:
        return (Echo(text),)
    return tuple(_read_line(line, without) for line in directions)


def _read_line(line: str, without: Collection[str]) -> Direction:
    word, _, rest = line[1:].partition(" ")
    reader = _READERS.get(word)
    if reader is None or word in without:
        return Misread(line)
    try:
        return reader(rest)
    except (_NotADirection, ValueError, RecursionError):
        return Misread(line)


def _named(rest: str) -> tuple[str, str]:
    """A name and what follows it."""
    name, _, tail = rest.strip().partition(" ")
    if not name:
        raise _NotADirection
    return name, tail


def _alone(rest: str) -> str:
    """Exactly one word."""
    name, tail = _named(rest)
    if tail.strip():
        raise _NotADirection
    return name


def _nothing(rest: str) -> None:
    """No words at all."""
    if rest.strip():
        raise _NotADirection


def _no_number(word: str) -> NoReturn:
    """Refuses NaN and its kin, which Python reads and JSON does not have."""
    raise _NotADirection(word)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise _NotADirection
    return found


def _call(rest: str) -> tuple[str, dict[str, Any], str]:
    name, tail = _named(rest)
    written = tail.strip()
    return name, _object(written), written


def _numbers(rest: str, *, least: int) -> tuple[int, int]:
    words = rest.split()
    if len(words) != 2 or not all(word.isascii() and word.isdecimal() and len(word) <= 12 for word in words):
        raise _NotADirection
    first, second = int(words[0]), int(words[1])
    if min(first, second) < least:
        raise _NotADirection
    return first, second


def _read_say(rest: str) -> Direction:
    return Say(rest)


def _read_tool(rest: str) -> Direction:
    name, arguments, _ = _call(rest)
    return Tool(name, arguments)


def _read_server(rest: str) -> Direction:
    return Server(*_call(rest))


def _read_ask(rest: str) -> Direction:
    return Ask(*_call(rest))


def _read_sleep(rest: str) -> Direction:
    seconds = float(_alone(rest))
    if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_SLEEP_S:
        raise _NotADirection
    return Sleep(seconds)


def _read_deltas(rest: str) -> Direction:
    count, size = _numbers(rest, least=1)
    if count * size > MOST_DELTA_BYTES:
        raise _NotADirection
    return Deltas(count, size)


def _read_usage(rest: str) -> Direction:
    return Usage(*_numbers(rest, least=0))


def _read_error(rest: str) -> Direction:
    words = rest.split()
    if len(words) != 2 or words[1] not in ("retrying", "exhausted", "terminal"):
        raise _NotADirection
    return Fail(words[0], words[1])


def _read_cut(rest: str) -> Direction:
    _nothing(rest)
    return Cut()


def _read_eof(rest: str) -> Direction:
    _nothing(rest)
    return Eof()


def _read_stale(rest: str) -> Direction:
    _nothing(rest)
    return Stale()


def _read_stop(rest: str) -> Direction:
    return Stop(_alone(rest))


def _read_frame(rest: str) -> Direction:
    return Frame(*_named(rest))


def _read_event(rest: str) -> Direction:
    event = _object(rest)
    kind = event.get("type")
    if not (isinstance(kind, str) and kind and kind.isprintable()):
        raise _NotADirection
    return Emit(event)


def _read_file(rest: str) -> Direction:
    return WriteFile(*_named(rest))


def _read_thread(rest: str) -> Direction:
    return Thread(_alone(rest))


def _read_verdict(rest: str) -> Direction:
    return Verdict(_alone(rest))


_READERS: dict[str, Callable[[str], Direction]] = {
    "say": _read_say,
    "tool": _read_tool,
    "server": _read_server,
    "ask": _read_ask,
    "think": Think,
    "sleep": _read_sleep,
    "deltas": _read_deltas,
    "usage": _read_usage,
    "error": _read_error,
    "cut": _read_cut,
    "eof": _read_eof,
    "stale": _read_stale,
    "stop": _read_stop,
    "frame": _read_frame,
    "event": _read_event,
    "file": _read_file,
    "thread": _read_thread,
    "verdict": _read_verdict,
}
