"""Names to processes: a registry whose entries die with their owner, with one holder per key or with many.

An entry is gone *before* the death of its owner is announced (rule P6): who hears `Down` or is told of a failed start can take the name at once. The
registry is data, not a process, so a lookup costs a dictionary access and there is nothing that could crash. `child()` gives it a life in a
supervision tree all the same: then it opens and closes with a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs
import trio

from agentsup.errors import SpecError
from agentsup.otp import keeper, links, listeners, patterns
from agentsup.otp.cell import Cell, find
from agentsup.otp.current import current_runtime
from agentsup.otp.entries import Entry, Held, ManyPerKey, OnePerKey, Registration, Table, held_by, strict
from agentsup.otp.errors import AlreadyRegistered, NoProc, NotFound, RegistryClosed
from agentsup.otp.keyed_lock import KeyedLocks
from agentsup.otp.refs import Dest, Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from contextlib import AbstractAsyncContextManager

    from agentsup.otp.childspec import ChildSpec
    from agentsup.otp.patterns import Predicate
    from agentsup.otp.reasons import ExitReason

RegistryKeys = Literal["unique", "duplicate"]
"""One living holder per key, or any number of entries under each, also several of one process."""


def _own(meta: Mapping[Any, Any]) -> dict[Hashable, Any]:
    return dict(meta)


@attrs.define(eq=False, repr=False)
class Registry:
    """Keys, who holds them, and a value beside each; an entry is made by its owner and dies with it.

    With `keys="unique"` a key has one holder and can be a `Name` that messages are sent to; with `keys="duplicate"` it stands for a group, reached by
    `dispatch`. A process may hold many keys. Keys are compared strictly: `1` and `1.0` are two of them.

    Args:
        name: for people and for listeners; the name of its process if it has one.
        keys: unique or duplicate.
        listeners: processes that hear of every entry as it comes and goes (`Registered`, `Unregistered`), also when its owner ends. A listener
            that is not there, or whose mailbox is full, misses the news.
        meta: settings of the registry as a whole, for you to read and change (rule R8).

    Raises:
        SpecError: `keys` or a listener is wrong.
    """

    name: str = "names"
    kind: RegistryKeys = attrs.field(default="unique", alias="keys", kw_only=True)
    listeners: tuple[Dest, ...] = attrs.field(default=(), converter=listeners.check, kw_only=True)
    meta: dict[Hashable, Any] = attrs.field(factory=dict, converter=_own, kw_only=True)
    _table: Table = attrs.field(init=False)
    _one: dict[Hashable, Held] | None = attrs.field(init=False)
    """The table of unique keys, for the way of a message to a name."""
    _awaited: dict[Hashable, dict[trio.Event, None]] = attrs.field(factory=dict, init=False)
    _locks: KeyedLocks = attrs.field(factory=KeyedLocks, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    """Its process is not there."""

    def __attrs_post_init__(self) -> None:
        if self.kind not in get_args(RegistryKeys):
            raise SpecError.of("keys", f"{self.kind!r} is unknown; one of {', '.join(get_args(RegistryKeys))}")
        if self.kind == "unique":
            table = OnePerKey()
            self._table, self._one = table, table.held
        else:
            self._table, self._one = ManyPerKey(), None

    def __repr__(self) -> str:
        return f"<Registry {self.name}, {self.kind}, {len(self._table)} entries>"

    def __len__(self) -> int:
        return len(self._table)

    # Coming and going.

    def register(self, key: Hashable, value: Any = None, *, owner: Ref | None = None) -> Ref:
        """Take `key` for the calling actor, or for `owner`; `value` is kept beside it for whoever looks.

        Raises:
            AlreadyRegistered: keys are unique and somebody holds this one, be it the caller itself; the error carries the holder's ref.
            NotAnActor: called outside an actor and without an owner.
            NoProc: the owner is dead.
            RegistryClosed: the registry has a process, and that is not there.
            SpecError: the key is not hashable, or the owner no Ref.
        """
        if owner is not None and not isinstance(owner, Ref):
            raise SpecError.of("owner", f"a {type(owner).__name__} owns nothing; right would be the Ref of a process")
        cell = links.here("register") if owner is None else find(owner)
        if cell is None:
            assert owner is not None
            raise NoProc(owner, key)
        self.enter(key, cell, value)
        return cell.ref

    def enter(self, key: Hashable, cell: Cell, value: Any = None) -> None:
        """`register`, in the kernel's terms."""
        identity = strict(key)
        if self._closed:
            raise RegistryClosed(self.name, key)
        if self._one is not None and identity in self._one:
            raise AlreadyRegistered(key, self._one[identity].cell.ref)
        held = Held(self, cell, key, value)
        self._table.add(identity, held)
        held.give()
        for event in self._awaited.pop(identity, ()):
            event.set()
        if self.listeners:
            listeners.tell_registered(self.listeners, held)

    def unregister(self, key: Hashable) -> None:
        """Give `key` up, with all the entries the calling actor has under it; nothing happens if it has none (rule R4).

        Raises:
            NotAnActor: called outside an actor.
        """
        self._give_up(key, links.here("unregister"))

    def unregister_match(self, key: Hashable, where: Predicate) -> None:
        """Give up those of the calling actor's entries under `key` whose value fits.

        Raises:
            NotAnActor: called outside an actor.
        """
        patterns.check(where)
        self._give_up(key, links.here("unregister_match"), where)

    def leave(self, key: Hashable, cell: Cell) -> None:
        """`unregister`, in the kernel's terms."""
        self._give_up(key, cell)

    def _give_up(self, key: Hashable, cell: Cell, where: Predicate | None = None) -> None:
        for held in list(self._table.of(strict(key), cell)):
            if where is None or where(held.value):
                held.take_back()
                self.forget(held, None)

    def forget(self, held: Held, reason: ExitReason | None) -> None:
        """Take an entry out of the table, because its owner gave it up (None) or ended."""
        self._table.discard(strict(held.key), held)
        if self.listeners:
            listeners.tell_unregistered(self.listeners, held, reason)

    def update_value(self, key: Hashable, value: Any) -> Any:
        """Change what is kept beside a key that the calling actor holds; what was there before.

        Raises:
            NoProc: the calling actor does not hold it.
            NotAnActor: called outside an actor.
            SpecError: the keys are not unique.
        """
        self._single("update_value")
        cell = links.here("update_value")
        own = self._table.of(strict(key), cell)
        if not own:
            raise NoProc(cell.ref, key)
        before, own[0].value = own[0].value, value
        return before

    # Looking.

    def holder(self, key: Hashable) -> Cell | None:
        """Who holds `key`, in the kernel's terms; this is how a `Name` finds its process (rule R5).

        Raises:
            SpecError: the keys are not unique, so none of them names anybody.
        """
        one = self._one
        if one is None:
            one = self._single("a Name")
        held = one.get(key if key.__class__ is str else strict(key))
        return None if held is None else held.cell

    def whereis(self, key: Hashable) -> Ref | None:
        """The ref of whoever holds `key`, never a dead one.

        Raises:
            SpecError: the keys are not unique.
        """
        cell = self.holder(key)
        return None if cell is None else cell.ref

    def under(self, identity: Hashable) -> list[Held]:
        """`lookup`, in the kernel's terms."""
        return self._table.under(identity)

    def lookup(self, key: Hashable) -> list[Entry]:
        """The entries under `key`, in the order they came; none of a dead process."""
        return [held.entry for held in self._table.under(strict(key))]

    def keys(self, ref: Ref | None = None) -> list[Hashable]:
        """The keys a process holds, one for each of its entries, in no order to rely on; without a ref, every key once."""
        if ref is None:
            return self._table.keys
        cell = find(ref)
        return [held.key for held in (held_by(cell) if cell else ()) if held.registry is self]

    def values(self, key: Hashable, ref: Ref | None = None) -> list[Any]:
        """The values that one process - the calling actor, or `ref` - keeps under `key`.

        Raises:
            NotAnActor: called outside an actor and without a ref.
        """
        cell = links.here("values") if ref is None else find(ref)
        return [] if cell is None else [held.value for held in self._table.of(strict(key), cell)]

    def count(self) -> int:
        """How many entries there are."""
        return len(self._table)

    def match(self, key: Hashable, where: Predicate) -> list[Entry]:
        """The entries under `key` whose value fits; `otp.like(pattern)` makes a predicate of a pattern."""
        patterns.check(where)
        return [held.entry for held in self._table.under(strict(key)) if where(held.value)]

    def count_match(self, key: Hashable, where: Predicate) -> int:
        """How many entries under `key` have a value that fits."""
        patterns.check(where)
        return sum(1 for held in self._table.under(strict(key)) if where(held.value))

    def select(self, where: Callable[[Registration], bool]) -> list[Registration]:
        """All entries that fit, under any key; costs a look at each."""
        patterns.check(where)
        return [found for held in self._table if where(found := held.registration)]

    def count_select(self, where: Callable[[Registration], bool]) -> int:
        """How many entries fit, under any key; costs a look at each."""
        patterns.check(where)
        return sum(1 for held in self._table if where(held.registration))

    # Acting on it.

    def dispatch(self, key: Hashable, fun: Callable[[list[Entry]], object]) -> None:
        """Call `fun` with the entries under `key`, all at once, here and now; not at all if there are none (rule R6).

        What `fun` raises is yours. This is what groups are told things with; `PubSub` does it for plain broadcasts.
        """
        found = self.lookup(key)
        if found:
            fun(found)

    def lock(self, key: Hashable) -> AbstractAsyncContextManager[None]:
        """`async with registry.lock(key):` - one block at a time per key, in order of arrival, for those who ask (rule R7).

        It keeps nobody from registering. It is given back however the block ends; a waiter that is cancelled or killed stands in nobody's way.
        """
        return self._locks.hold(strict(key))

    async def until(self, key: Hashable) -> Ref:
        """Wait until somebody holds `key`; the ref of the first, at once if there is one. Cancelling the wait changes nothing."""
        await trio.lowlevel.checkpoint()
        identity = strict(key)
        while True:
            for held in self._table.under(identity):
                return held.cell.ref
            event = trio.Event()
            self._awaited.setdefault(identity, {})[event] = None
            try:
                await event.wait()
            finally:
                self._expect_no_more(identity, event)

    def _expect_no_more(self, identity: Hashable, event: trio.Event) -> None:
        waiting = self._awaited.get(identity)
        if waiting is not None:
            waiting.pop(event, None)
            if not waiting:
                del self._awaited[identity]

    # A life of its own.

    def child(self) -> ChildSpec:
        """This registry as a child of a supervisor, holding its own name there: put it before whoever registers in it.

        When its process ends, the entries are gone, listeners are told, and whoever held one is sent the same exit reason, as if linked (rule R4).
        Until the next incarnation runs nobody can register. `otp.whereis_registry(name)` finds the registry behind the name.
        """
        return keeper.keep(self, self.name)

    @property
    def is_closed(self) -> bool:
        """Whether its process is not there; never, if it has none."""
        return self._closed

    def opened(self) -> None:
        """Its process has started."""
        self._closed = False

    def closed(self, reason: ExitReason, sender: Ref) -> None:
        """Its process ended; what was registered is gone, and the owners go with it."""
        self._closed = True
        everybody = list(self._table)
        for held in everybody:
            held.take_back()
            self.forget(held, reason)
        for cell in {held.cell: None for held in everybody}:
            links.signal(cell, reason, sender)

    # Private parts.

    def _single(self, what: str) -> dict[Hashable, Held]:
        if self._one is None:
            raise SpecError.of(
                "keys", f"{what} needs one holder per key, and registry {self.name} has duplicate keys (rule R5)"
            )
        return self._one


def whereis_registry(name: str) -> Registry:
    """The registry that lives as a child under `name` in the current runtime; for code that has only its name.

    Raises:
        NotFound: no registry lives there now.
        NoRuntime: no runtime is current.
    """
    cell = current_runtime().names.holder(name)
    actor = None if cell is None else cell.actor
    if not isinstance(actor, keeper.Keeper) or not isinstance(actor.kept, Registry):
        raise NotFound(
            f"no registry lives under {name!r}; `Registry({name!r}).child()` makes one a child of a supervisor"
        )
    return actor.kept
