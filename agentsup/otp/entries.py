"""What a registry keeps: entries, found by key from one side and by owner from the other.

Each entry is in its registry's table and in a chain of its owner's, the newest first. So taking a key, giving it up, looking it up and dying each cost
the same however many keys there are and however many of them the owner holds; and an owner of one, as most are, pays for no list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from agentsup.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from agentsup.otp.cell import Cell
    from agentsup.otp.refs import Ref
    from agentsup.otp.registry import Registry


@attrs.frozen
class Entry:
    """One registration under a key that one asked for: who, and what it said about itself."""

    ref: Ref
    value: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class Registration:
    """One registration anywhere in a registry, as `select` looks at them."""

    key: Hashable
    ref: Ref
    value: Any = attrs.field(default=None, repr=False)


def strict(key: Hashable) -> Hashable:
    """A key under which `1`, `1.0` and `True` are different things (rule R1), also inside tuples.

    Raises:
        SpecError: it is not hashable.
    """
    if key.__class__ is str or key.__class__ is int:
        return key  # equal to nothing of another type that is left as it is
    if isinstance(key, tuple):
        return (tuple, *map(strict, key))
    try:
        hash(key)
    except TypeError:
        raise SpecError.of("key", f"a {type(key).__name__} is not hashable; a string, number or tuple") from None
    return (type(key), key)


@attrs.define(eq=False, weakref_slot=False)
class Held:
    """One entry, alive as long as its owner holds it."""

    registry: Registry
    cell: Cell
    key: Hashable
    value: Any
    newer: Held | None = None
    """The one before it in its owner's chain."""
    older: Held | None = None

    @property
    def entry(self) -> Entry:
        """What a lookup shows of it."""
        return Entry(self.cell.ref, self.value)

    @property
    def registration(self) -> Registration:
        """What `select` shows of it."""
        return Registration(self.key, self.cell.ref, self.value)

    def give(self) -> None:
        """Put it into its owner's chain."""
        cell = self.cell
        self.older = cell.held
        if cell.held is not None:
            cell.held.newer = self
        cell.held = self

    def take_back(self) -> None:
        """Take it out of its owner's chain."""
        if self.newer is None:
            self.cell.held = self.older
        else:
            self.newer.older = self.older
        if self.older is not None:
            self.older.newer = self.newer
        self.newer = self.older = None


def held_by(cell: Cell) -> list[Held]:
    """What a process holds, the oldest first."""
    found = []
    held = cell.held
    while held is not None:
        found.append(held)
        held = held.older
    return found[::-1]


@attrs.define(eq=False)
class OnePerKey:
    """The table of unique keys."""

    held: dict[Hashable, Held] = attrs.field(factory=dict)

    def under(self, identity: Hashable) -> list[Held]:
        """The entries under a key: none or one."""
        found = self.held.get(identity)
        return [] if found is None else [found]

    def of(self, identity: Hashable, cell: Cell) -> list[Held]:
        """Those of one holder."""
        return [held for held in self.under(identity) if held.cell is cell]

    def add(self, identity: Hashable, held: Held) -> None:
        """Take an entry in; the key is free."""
        self.held[identity] = held

    def discard(self, identity: Hashable, held: Held) -> None:
        """Forget an entry."""
        del self.held[identity]

    def __iter__(self) -> Iterator[Held]:
        return iter(self.held.values())

    def __len__(self) -> int:
        return len(self.held)

    @property
    def keys(self) -> list[Hashable]:
        """Every key that somebody holds."""
        return [held.key for held in self.held.values()]


@attrs.define(eq=False)
class ManyPerKey:
    """The table of duplicate keys; under each, its holders in the order they came, and of each its entries."""

    held: dict[Hashable, dict[Cell, list[Held]]] = attrs.field(factory=dict)
    _count: int = 0

    def under(self, identity: Hashable) -> list[Held]:
        """The entries under a key."""
        return [held for own in self.held.get(identity, _NOBODY).values() for held in own]

    def of(self, identity: Hashable, cell: Cell) -> list[Held]:
        """Those of one holder."""
        return self.held.get(identity, _NOBODY).get(cell, [])

    def add(self, identity: Hashable, held: Held) -> None:
        """Take an entry in."""
        self.held.setdefault(identity, {}).setdefault(held.cell, []).append(held)
        self._count += 1

    def discard(self, identity: Hashable, held: Held) -> None:
        """Forget an entry, and the key with its last one."""
        holders = self.held[identity]
        own = holders[held.cell]
        own.remove(held)
        self._count -= 1
        if not own:
            del holders[held.cell]
        if not holders:
            del self.held[identity]

    def __iter__(self) -> Iterator[Held]:
        return (held for holders in self.held.values() for own in holders.values() for held in own)

    def __len__(self) -> int:
        return self._count

    @property
    def keys(self) -> list[Hashable]:
        """Every key that somebody holds, once."""
        return [next(iter(holders.values()))[0].key for holders in self.held.values()]


_NOBODY: dict[Cell, list[Held]] = {}

Table: TypeAlias = OnePerKey | ManyPerKey
"""Either kind of table."""
