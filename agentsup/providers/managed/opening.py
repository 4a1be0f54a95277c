"""What a new session at Claude Managed Agents is to have beside its agent: checked before anything is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agentsup.errors import Problem
from agentsup.wire.managed import requests

OPENING: Final = ("title", "metadata", "resources", "vault_ids", "budget")

OURS: Final = frozenset({requests.TOKEN_KEY, requests.SESSION_KEY})
"""Metadata by which a session is found again; not the user's to say."""

MOST_NAMES: Final = 16 - len(OURS)
MOST_NAME: Final = 64
MOST_TEXT: Final = 512


def as_plain(value: Any) -> Any:
    """The value as JSON gives it back: a copy, of plain mappings and lists.

    Raises:
        TypeError: there is something in it that JSON cannot say.
        ValueError: likewise.
        RecursionError: it is nested too deeply.
    """
    return json.loads(json.dumps(value, allow_nan=False, default=_mapping))


def _mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def opening_problems(said: Mapping[str, Any], *, made: bool) -> Iterator[Problem]:
    """What is wrong with it, all of it.

    Args:
        said: by the names of `OPENING`.
        made: the session exists already, and takes none of it.
    """
    for name, value in said.items():
        if made:
            yield Problem(name, "is for a new session, and session_id= names one that exists; `configure` changes it")
            continue
        found = list(_problems(name, value))
        yield from found
        if not found and not is_plain(value):
            yield Problem(name, "must hold only what JSON can say")


def _problems(name: str, value: Any) -> Iterator[Problem]:
    match name:
        case "title" if not isinstance(value, str):
            yield Problem(name, f"must be text or None, not {type(value).__name__}")
        case "metadata":
            yield from metadata_problems(value, removing=False)
        case "resources":
            yield from list_problems(name, value, Mapping, "a resource in the service's words")
        case "vault_ids":
            yield from list_problems(name, value, str, "a vault's id")
        case "budget" if not isinstance(value, Mapping):
            yield Problem(name, f"must be a mapping in the service's words or None, not {type(value).__name__}")


def metadata_problems(value: Any, *, removing: bool) -> Iterator[Problem]:
    """What is wrong with a session's metadata; with `removing`, None takes a name away."""
    text = "text, or None to take it away," if removing else "text"
    if not isinstance(value, Mapping):
        yield Problem("metadata", f"must be a mapping of text to {text.rstrip(',')}, not {type(value).__name__}")
        return
    if len(value) > MOST_NAMES:
        yield Problem("metadata", f"has {len(value)} names; there is room for {MOST_NAMES}")
    for key, told in value.items():
        if not isinstance(key, str) or not (isinstance(told, str) or (removing and told is None)):
            yield Problem(f"metadata[{key!r}]", f"must be {text} under a name that is text")
        elif key in OURS:
            yield Problem(f"metadata[{key!r}]", "is what this session is found by, and cannot be changed")
        elif len(key) > MOST_NAME or len(told or "") > MOST_TEXT:
            yield Problem(
                f"metadata[{key!r}]", f"may have {MOST_NAME} characters in its name and {MOST_TEXT} in its text"
            )


def list_problems(name: str, value: Any, kind: type | tuple[type, ...], what: str) -> Iterator[Problem]:
    """What is wrong with a list whose members are to be of that kind."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        yield Problem(name, f"must be a list, not {type(value).__name__}")
        return
    for place, each in enumerate(value):
        if not isinstance(each, kind) or not each:
            yield Problem(f"{name}[{place}]", f"must be {what}, not {type(each).__name__}")


def is_plain(value: Any) -> bool:
    """Whether JSON can say it."""
    try:
        as_plain(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
