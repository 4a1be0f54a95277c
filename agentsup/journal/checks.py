"""What every journal refuses at the door, in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentsup.errors import Problem, SpecError
from agentsup.ids import Cursor
from agentsup.journal.entries import Entries


def check_names(session_id: object, metadata: Mapping[str, Any] | None = None) -> None:
    """A session's id and labels.

    Raises:
        SpecError: they cannot be kept.
    """
    problems = []
    if not isinstance(session_id, str) or not session_id or not _is_sayable(session_id):
        problems.append(Problem("session_id", "must be text that UTF-8 can carry, of at least one character"))
    if metadata is not None:
        problems += _unkeepable("metadata", metadata)
    if problems:
        raise SpecError(problems)


def check_order(last: Cursor, entries: Entries) -> None:
    """That the first of them follows on the last one there is.

    Raises:
        SpecError: it does not.
    """
    if entries.first != last + 1:
        raise SpecError.of("first", f"{entries.first} does not follow {last}")


def check_snapshot(last: Cursor, cursor: Cursor) -> None:
    """That something was appended up to this cursor.

    Raises:
        SpecError: nothing was.
    """
    if not 0 < cursor <= last:
        raise SpecError.of("cursor", f"{cursor} is not among the cursors 1 to {last} that were appended")


def _unkeepable(path: str, value: object) -> list[Problem]:
    """Where something is not JSON that would come back as it is."""
    match value:
        case None | bool() | int() | float():
            return []
        case str():
            return []
        case Mapping():
            found = [Problem(path, f"the key {key!r} is no text") for key in value if not isinstance(key, str)]
            return found + [p for key, inner in value.items() for p in _unkeepable(f"{path}.{key}", inner)]
        case list() | tuple():
            return [p for place, inner in enumerate(value) for p in _unkeepable(f"{path}[{place}]", inner)]
        case _:
            return [Problem(path, f"a {type(value).__name__} is no JSON value")]


def _is_sayable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
