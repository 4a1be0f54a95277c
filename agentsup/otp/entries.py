"""What a registry keeps: entries, found by key from one side and by owner from the other.

Each entry is in its registry's table and in its owner's list, and it knows its place there. So taking a key, giving it up, looking it up and dying
each cost the same however many keys there are and however many of them the owner holds.
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
    if key.__class__ is str:
        return key
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
    place: int = -1
    """Where it is in its owner's list."""

    @property
    def entry(self) -> Entry:
        """What a lookup shows of it."""
        return Entry(self.cell.ref, self.value)

    @property
    def registration(self) -> Registration:
        """What `select` shows of it."""
        return Registration(self.key, self.cell.ref, self.value)

    def give(self) -> None:
        """Put it into its owner's list."""
        names = self.cell.names
        if names is None:
            names = self.cell.names = []
        self.place = len(names)
        names.append(self)

    def take_back(self) -> None:
        """Take it out of its owner's list; the last one there moves into its place, so the others need not."""
        names = self.cell.names
        assert names is not None
        last = names.pop()
        if last is not self:
            last.place = self.place
            names[self.place] = last


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
