"""Who hears of what happens in a registry: processes, told by plain messages (rule R7).

Unlike OTP's, our listeners also hear of entries that went with their owner, and why: one message per entry, before the owner's end is announced to
anybody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.otp.cell import find
from agentsup.otp.mailbox import Info
from agentsup.otp.refs import Dest, Name, Ref

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from agentsup.otp.cell import Cell
    from agentsup.otp.entries import Held
    from agentsup.otp.reasons import ExitReason


@attrs.frozen
class Registered:
    """Arrives in a listener's `handle_info`: `ref` took `key` in the registry of that name."""

    registry: str
    key: Hashable
    ref: Ref
    value: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class Unregistered:
    """Arrives in a listener's `handle_info`: `ref` holds `key` no longer.

    `reason` is the exit reason of an owner that ended, or None if it gave the key up and lives on.
    """

    registry: str
    key: Hashable
    ref: Ref
    reason: ExitReason | None


RegistryNews: TypeAlias = Registered | Unregistered
"""Anything a listener hears."""


def check(listeners: Iterable[Dest]) -> tuple[Dest, ...]:
    """The listeners, if each is an address.

    Raises:
        SpecError: one is not.
    """
    found = tuple(listeners)
    problems = [
        Problem(f"listeners[{index}]", f"a {type(each).__name__} is no address; right would be a Ref or a Name")
        for index, each in enumerate(found)
        if not isinstance(each, (Ref, Name))
    ]
    if problems:
        raise SpecError(problems)
    return found


def tell_registered(listeners: tuple[Dest, ...], held: Held) -> None:
    """Tell them of a new entry."""
    _tell(listeners, held.cell, Registered(held.registry.name, held.key, held.cell.ref, held.value))


def tell_unregistered(listeners: tuple[Dest, ...], held: Held, reason: ExitReason | None) -> None:
    """Tell them of one that is gone."""
    _tell(listeners, held.cell, Unregistered(held.registry.name, held.key, held.cell.ref, reason))


def _tell(listeners: tuple[Dest, ...], owner: Cell, news: RegistryNews) -> None:
    """Put the news into their mailboxes. One that is not there misses them, a full one counts them as dropped; a name is looked up where its owner lives."""
    for dest in listeners:
        cell = find(dest) if isinstance(dest, Ref) else _holder(dest, owner)
        if cell is not None and not cell.mailbox.put(Info(news)):
            cell.mailbox.dropped += 1


def _holder(name: Name, owner: Cell) -> Cell | None:
    names = owner.runtime.names if name.registry is None else name.registry
    return names.holder(name.key)
