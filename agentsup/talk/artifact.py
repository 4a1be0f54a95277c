"""Files that a session leaves at its provider, or finds there: what is known of them without their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class Artifact:
    """A file of a session, without its content."""

    name: str
    """As the provider names it; several files of a session may have the same."""

    size: int
    """Bytes."""

    ref: str
    """By what the provider knows it: an id, or a path."""

    created_at: float = 0.0
    """Seconds since the epoch, by the provider's clock."""

    retrievable: bool = True
    """Whether its content can be fetched: what the agent wrote into its outputs can, what was put into the session may not."""

    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden, eq=False)
    """What the provider says of it, verbatim."""


def newest_by_name(entries: Iterable[Artifact]) -> tuple[Artifact, ...]:
    """One for each name: of those that can be fetched the newest, else the newest; in order of age, the newest first."""
    newest_first = sorted(entries, key=lambda each: each.created_at, reverse=True)
    chosen: dict[str, Artifact] = {}
    for each in newest_first:
        held = chosen.get(each.name)
        if held is None or (each.retrievable and not held.retrievable):
            chosen[each.name] = each
    return tuple(sorted(chosen.values(), key=lambda each: each.created_at, reverse=True))
