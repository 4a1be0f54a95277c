"""One request as data: what is asked for, of whom, and whether asking twice comes to the same."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import attrs

from agentsup.claude.multipart import Form
from agentsup.errors import Problem, SpecError
from agentsup.wire.managed import requests

MANAGED: Final = requests.BETA
"""The beta of agents, environments, sessions, vaults and deployments."""

MEMORY: Final = "agent-memory-2026-07-22"
"""The beta of memory stores."""

SESSION_FILES: Final = requests.FILES_BETA
"""That of a session's files."""

Query = tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class Ask:
    """A request before it is sent."""

    what: str
    """What it is for, for errors: `creating an agent`."""

    method: str
    path: str
    query: Query = ()

    body: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Sent as JSON; None sends nothing at all."""

    form: Form | None = attrs.field(default=None, repr=False)
    """Sent as multipart form data, piece by piece."""

    beta: str | None = None
    """What the `anthropic-beta` header names."""

    headers: Mapping[str, str] = attrs.field(factory=dict)

    again: bool = False
    """Whether doing it twice comes to the same, so that it may be repeated although nobody knows what became of the first time."""

    def __attrs_post_init__(self) -> None:
        assert self.body is None or self.form is None


def at(template: str, **ids: str) -> str:
    """The path with the ids in their places, quoted.

    Raises:
        SpecError: an id that would lead somewhere else; all of them are named.
    """
    problems = [
        Problem(name, f"must be an id, not {value!r}")
        for name, value in ids.items()
        if not isinstance(value, str) or value.strip() in ("", ".", "..")
    ]
    if problems:
        raise SpecError(problems)
    return template.format_map({name: quote(value, safe="") for name, value in ids.items()})


def query(**fields: Any) -> Query:
    """What is said as a query; None says nothing. A sequence becomes `name[]`; a name with `__` a range (`created_at__gt`)."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        base, _, bound = name.partition("__")
        key = f"{base}[{bound}]" if bound else base
        if isinstance(value, list | tuple | set | frozenset):
            pairs += [(f"{key}[]", _text(item)) for item in value]
        elif value is not None:
            pairs.append((key, _text(value)))
    return tuple(pairs)


def with_page(pairs: Iterable[tuple[str, str]], cursor: str) -> Query:
    """The same query for the page at the cursor."""
    return (*(pair for pair in pairs if pair[0] != "page"), ("page", cursor))


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime.datetime():
            return value.isoformat()
        case _:
            return str(value)
