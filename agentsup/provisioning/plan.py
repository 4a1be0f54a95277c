"""What to do about a wanted resource, given what the provider has. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import attrs

from agentsup.provisioning.backend import Found, Wanted
from agentsup.provisioning.names import NameRule

USABLE: Final = ("ready", "pending")
"""States in which a resource is there, or soon will be."""


@attrs.frozen
class Adopt:
    """It is there, or soon will be: take it."""

    found: Found


@attrs.frozen
class WaitOut:
    """One of that name is leaving: wait until it is gone, then look again."""

    found: Found


@attrs.frozen
class Make:
    """Nothing is in the way that we can see; `archived` of that name are there."""

    archived: int = 0


@attrs.frozen
class Blocked:
    """One that failed holds the name."""

    found: Found


Step: TypeAlias = Adopt | WaitOut | Make | Blocked


def next_step(wanted: Wanted, founds: Iterable[Found], *, unique: bool) -> Step:
    """The one thing to do now.

    Of several usable ones the oldest is taken, ready or not, so that everybody who looks takes the same.

    Args:
        wanted: what there should be.
        founds: what the provider has, newest first; of other names, too.
        unique: the provider has one holder of a name at most, so one that leaves or has failed stands in the way.
    """
    named = [found for found in founds if found.role == wanted.role and found.name == wanted.name]
    usable = [found for found in named if found.state in USABLE]
    if usable:
        return Adopt(oldest(usable))
    if unique:
        for found in named:
            if found.state == "leaving":
                return WaitOut(found)
            if found.state == "failed":
                return Blocked(found)
    return Make(archived=sum(found.state == "archived" for found in named))


def oldest(founds: Sequence[Found]) -> Found:
    """The first one made; among equals the last in the list, which has the newest first, so that everybody agrees."""
    return min(reversed(founds), key=lambda found: found.created_at)


def beyond(founds: Iterable[Found], base: str, rule: NameRule, *, keep: int, protected: frozenset[str]) -> list[Found]:
    """What a prune takes away, oldest first: the base's own, in use, beyond the newest `keep`, and not protected by id.

    `founds` come newest first; where times are equal, that order counts.
    """
    members = [found for found in founds if found.state in USABLE and rule.digest_in(found.name, base) is not None]
    newest_first = sorted(members, key=lambda found: found.created_at, reverse=True)
    return [found for found in reversed(newest_first[keep:]) if found.id not in protected]
