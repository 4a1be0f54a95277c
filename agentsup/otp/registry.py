"""Names to processes: a registry with unique keys, whose entries die with their owner.

An entry is gone *before* the death of its owner is announced (rule P6): who hears `Down` or is told of a failed start can take the name at once. The
registry is data, not a process, so a lookup costs a dictionary access and there is nothing that could crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

from agentsup.otp.cell import ACTORS, Cell, find
from agentsup.otp.errors import AlreadyRegistered, NoProc, NotAnActor
from agentsup.otp.refs import Ref

if TYPE_CHECKING:
    from collections.abc import Hashable


@attrs.frozen
class Entry:
    """One registration: who, and what it said about itself."""

    ref: Ref
    value: Any = attrs.field(default=None, repr=False)


@attrs.define(eq=False)
class _Held:
    cell: Cell
    key: Hashable
    value: Any


def strict(key: Hashable) -> Hashable:
    """A key under which `1`, `1.0` and `True` are different things (rule R1), also inside tuples."""
    if key.__class__ is str:
        return key
    if isinstance(key, tuple):
        return (tuple, *map(strict, key))
    return (type(key), key)


@attrs.define(eq=False, repr=False)
class Registry:
    """Unique names: each key has one living owner, who registered it by itself.

    A process may hold many keys. Keys are compared strictly: `1` and `1.0` are two of them.
    """

    name: str = "names"
    _held: dict[Hashable, _Held] = attrs.field(factory=dict)
    _awaited: dict[Hashable, list[trio.Event]] = attrs.field(factory=dict)

    def __repr__(self) -> str:
        return f"<Registry {self.name}, {len(self._held)} keys>"

    def __len__(self) -> int:
        return len(self._held)

    def register(self, key: Hashable, value: Any = None, *, owner: Ref | None = None) -> Ref:
        """Take `key` for the calling actor, or for `owner`; `value` is kept beside it for whoever looks.

        Raises:
            AlreadyRegistered: somebody holds the key, be it the caller itself; the error carries the holder's ref.
            NotAnActor: called outside an actor and without an owner.
            NoProc: the owner is dead.
        """
        cell = _me("register") if owner is None else find(owner)
        if cell is None:
            assert owner is not None
            raise NoProc(owner, key)
        self.enter(key, cell, value)
        return cell.ref

    def enter(self, key: Hashable, cell: Cell, value: Any = None) -> None:
        """`register`, in the kernel's terms."""
        identity = strict(key)
        held = self._held.get(identity)
        if held is not None:
            raise AlreadyRegistered(key, held.cell.ref)
        self._held[identity] = _Held(cell, key, value)
        if cell.names is None:
            cell.names = []
        cell.names.append((self, key))
        for event in self._awaited.pop(identity, ()):
            event.set()

    def unregister(self, key: Hashable) -> None:
        """Give `key` up; nothing happens if the calling actor does not hold it (rule R4).

        Raises:
            NotAnActor: called outside an actor.
        """
        cell = _me("unregister")
        held = self._held.get(strict(key))
        if held is not None and held.cell is cell:
            self.leave(key, cell)
            assert cell.names is not None
            cell.names.remove((self, held.key))

    def leave(self, key: Hashable, cell: Cell) -> None:
        """Forget the entry of a process that gives it up or is ending."""
        identity = strict(key)
        held = self._held.get(identity)
        if held is not None and held.cell is cell:
            del self._held[identity]

    def holder(self, key: Hashable) -> Cell | None:
        """Who holds `key`, in the kernel's terms."""
        held = self._held.get(key if key.__class__ is str else strict(key))
        return None if held is None else held.cell

    def whereis(self, key: Hashable) -> Ref | None:
        """The ref of whoever holds `key`, never a dead one."""
        cell = self.holder(key)
        return None if cell is None else cell.ref

    def lookup(self, key: Hashable) -> list[Entry]:
        """The entries under `key`: none or one."""
        held = self._held.get(strict(key))
        return [] if held is None else [Entry(held.cell.ref, held.value)]

    def keys(self, ref: Ref | None = None) -> list[Hashable]:
        """The keys a process holds, in the order it took them; without a ref, all keys."""
        if ref is None:
            return [held.key for held in self._held.values()]
        cell = find(ref)
        return [key for registry, key in (cell.names or () if cell else ()) if registry is self]

    def update_value(self, key: Hashable, value: Any) -> None:
        """Change what is kept beside a key that the calling actor holds.

        Raises:
            NoProc: the calling actor does not hold it.
            NotAnActor: called outside an actor.
        """
        cell = _me("update_value")
        held = self._held.get(strict(key))
        if held is None or held.cell is not cell:
            raise NoProc(cell.ref, key)
        held.value = value

    async def until(self, key: Hashable) -> Ref:
        """Wait until somebody holds `key`; their ref, at once if somebody does. Cancelling the wait changes nothing."""
        await trio.lowlevel.checkpoint()
        identity = strict(key)
        while (held := self._held.get(identity)) is None:
            event = trio.Event()
            self._awaited.setdefault(identity, []).append(event)
            try:
                await event.wait()
            finally:
                self._forget(identity, event)
        return held.cell.ref

    def _forget(self, identity: Hashable, event: trio.Event) -> None:
        waiting = self._awaited.get(identity)
        if waiting is not None and event in waiting:
            waiting.remove(event)
            if not waiting:
                del self._awaited[identity]


def _me(what: str) -> Cell:
    cell = ACTORS.get(trio.lowlevel.current_task())
    if cell is None:
        raise NotAnActor(
            f"{what} is done by an actor for itself, in one of its callbacks; from elsewhere, name an owner"
        )
    return cell
