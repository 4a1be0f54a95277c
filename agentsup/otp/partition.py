"""A supervisor of N copies of one child, and the way of a key to one of them.

In one trio thread partitions run no faster than one process would. What they give: a slow or crashing partition holds up its own keys only, and each
has a mailbox with a bound of its own.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Never, cast

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.otp.calls import call, locate
from agentsup.otp.child import State
from agentsup.otp.children import DeleteChild, StartChild
from agentsup.otp.childspec import ChildSpec
from agentsup.otp.errors import NoProc, NotFound
from agentsup.otp.flags import SupFlags
from agentsup.otp.refs import Name
from agentsup.otp.results import NoReply, Reply
from agentsup.otp.routing import route
from agentsup.otp.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from agentsup.otp.actor import Actor
    from agentsup.otp.caller import Caller
    from agentsup.otp.cell import Cell
    from agentsup.otp.child import Child
    from agentsup.otp.refs import Dest, Ref
    from agentsup.otp.results import CallResult

DEFAULT_PARTITIONS = 8
"""Not the number of cores, as in OTP: they all run in one thread, so more cores would not make more of them useful."""


@attrs.frozen
class Resize:
    """Have that many partitions."""

    partitions: int


@attrs.frozen
class CountPartitions:
    """Say how many there are."""


class PartitionSupervisor(Supervisor):
    """Starts one spec N times; the id of each child is its partition, from 0 (rule D3).

    Reach one by `Name(key, Partitions(sup))` - `partition_name` makes it - in every call and cast, or look its ref up with `partition_of`.

    Args:
        spec: of every copy. Its id does not matter; a name it cannot have, as there are several; and as each of them should be there for its keys,
            it cannot be temporary.
        partitions: how many to start; `resize` goes down from there and up again, never above.
        flags: strategy must be one_for_one.
        with_arguments: gives the arguments `spec.start` is called with in a partition; none if not given.

    Raises:
        SpecError: any of it is wrong; every problem at once.
    """

    __slots__ = ("_parked", "_resizers", "_size")

    def __init__(
        self,
        spec: ChildSpec,
        partitions: int = DEFAULT_PARTITIONS,
        *,
        flags: SupFlags | None = None,
        with_arguments: Callable[[int], tuple[Any, ...]] | None = None,
    ) -> None:
        flags = SupFlags() if flags is None else flags
        _check(spec, partitions, flags, with_arguments)
        starts = [_start_of(spec, with_arguments, each) for each in range(partitions)]
        super().__init__(flags, [attrs.evolve(spec, id=id, start=start) for id, start in enumerate(starts)])
        self._size = partitions
        self._parked: set[Hashable] = set()
        """Partitions that were taken away by a resize, not by hand."""
        self._resizers: list[Caller] = []
        """Who waits for a resize."""

    @property
    def size(self) -> int:
        """How many partitions keys are routed to."""
        return self._size

    def partition(self, key: Hashable) -> Cell | None:
        """The process that `key` belongs to, if it is there."""
        child = self._children[route(key, self._size)] if self._size else None
        return child.cell if child is not None and child.is_alive else None

    def _serve(self, request: Any, caller: Caller) -> CallResult:
        match request:
            case Resize(partitions):
                return self._resize(partitions, caller)
            case CountPartitions():
                return Reply(self._size)
            case StartChild() | DeleteChild():
                raise SpecError.of("request", "the children of a PartitionSupervisor are its partitions; use resize")
        return super()._serve(request, caller)

    def _resize(self, partitions: int, caller: Caller) -> CallResult:
        started = len(self._specs)
        if not _is_count(partitions) or partitions > started:
            raise SpecError.of(
                "partitions", f"{partitions!r} cannot be; a whole number from 0 to {started}, as started"
            )
        self._size = partitions
        self._resizers.append(caller)
        for id, child in list(enumerate(self._children.values())):
            if id >= partitions:
                self._park(id, child)
            elif id in self._parked and child.state is State.STOPPED:
                self._revive(child)
        self._settle()
        return NoReply()

    def _park(self, id: int, child: Child) -> None:
        if child.state is not State.STOPPED:
            self._parked.add(id)
        child.call_off()
        if child.is_alive:
            self._bring_down(child)
        else:
            child.state = State.STOPPED

    def _revive(self, child: Child) -> None:
        self._parked.discard(child.spec.id)
        child.state = State.RESTARTING
        self._relaunch(child)

    def _terminate_child(self, child: Child, caller: Caller) -> CallResult:
        """By hand: then it is not for a resize to start it again."""
        self._parked.discard(child.spec.id)
        return super()._terminate_child(child, caller)

    def _restart_child(self, child: Child, caller: Caller) -> CallResult:
        if cast("int", child.spec.id) >= self._size:
            raise SpecError.of("child", f"partition {child.spec.id} is beyond the {self._size} there are; use resize")
        return super()._restart_child(child, caller)

    def _on_started(self, child: Child) -> None:
        self._parked.discard(child.spec.id)
        super()._on_started(child)
        self._settle()

    def _ended_for_good(self, child: Child) -> None:
        super()._ended_for_good(child)
        self._settle()

    def _stopped(self, child: Child) -> None:
        super()._stopped(child)
        if child.spec.id in self._parked and cast("int", child.spec.id) < self._size and not self._giving_up:
            self._revive(child)  # it was wanted again while it was going
        self._settle()

    def _settle(self) -> None:
        """Answer whoever waits for a resize, when nothing is on its way up or down."""
        if self._resizers and not any(child.state in _ON_ITS_WAY for child in self._children.values()):
            for caller in self._resizers:
                caller.settle(None)
            self._resizers.clear()


_ON_ITS_WAY = frozenset({State.STARTING, State.RESTARTING, State.STOPPING})


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check(spec: ChildSpec, partitions: int, flags: SupFlags, with_arguments: object) -> None:
    if not isinstance(spec, ChildSpec):
        raise SpecError.of("spec", f"a {type(spec).__name__} is no ChildSpec")
    problems = []
    if spec.name is not None:
        problems.append(Problem("spec.name", f"{spec.name!r} cannot be held by every partition; leave it out"))
    if spec.restart == "temporary":
        problems.append(Problem("spec.restart", "a temporary partition would be missing once it ended; permanent"))
    if not _is_count(partitions) or partitions < 1:
        problems.append(Problem("partitions", f"{partitions!r} cannot be started; a whole number of at least 1"))
    if isinstance(flags, SupFlags) and flags.strategy != "one_for_one":
        problems.append(Problem("flags.strategy", f'{flags.strategy!r} would tie partitions together; "one_for_one"'))
    if with_arguments is not None and not callable(with_arguments):
        problems.append(Problem("with_arguments", f"a {type(with_arguments).__name__} is no function of a partition"))
    if problems:
        raise SpecError(problems)


def _start_of(
    spec: ChildSpec, with_arguments: Callable[[int], tuple[Any, ...]] | None, partition: int
) -> Callable[[], Actor]:
    if with_arguments is None:
        return spec.start
    start = cast("Callable[..., Actor]", spec.start)
    return functools.partial(start, *with_arguments(partition))


@attrs.frozen
class Partitions:
    """The partitions under a supervisor, as the registry of a `Name`: the name of a key is whoever its partition is when the message is sent."""

    sup: Dest

    def holder(self, key: Hashable) -> Cell | None:
        """The process that `key` belongs to; None while it, or the supervisor, is not there.

        Raises:
            NotFound: somebody else than a PartitionSupervisor is there.
            SpecError: the key cannot be routed.
        """
        found = _find(self.sup)
        return None if found is None else found.partition(key)

    def enter(self, key: Hashable, cell: Cell, value: Any = None) -> Never:
        """Nobody can take a partition's place.

        Raises:
            SpecError: always.
        """
        raise SpecError.of("name", "a place among partitions is given by their supervisor; no other child can hold it")


def partition_name(sup: Dest, key: Hashable) -> Name:
    """The address of the partition that `key` belongs to; it survives restarts of the partition, and of the supervisor if `sup` is a Name."""
    return Name(key, Partitions(sup))


def partition_of(sup: Dest, key: Hashable) -> Ref:
    """The partition that `key` belongs to, now.

    Raises:
        NoProc: the supervisor or that partition is not there at the moment.
        NotFound: somebody else than a PartitionSupervisor is there, or it was resized to none.
        SpecError: the key cannot be routed.
    """
    found = _find(sup)
    if found is None:
        raise NoProc(sup, key)
    if not found.size:
        raise NotFound(f"{sup!r} has no partitions at the moment")
    cell = found.partition(key)
    if cell is None:
        raise NoProc(partition_name(sup, key), key)
    return cell.ref


def _find(sup: Dest) -> PartitionSupervisor | None:
    cell = locate(sup)
    if cell is None or cell.actor is None:
        return None
    if not isinstance(cell.actor, PartitionSupervisor):
        raise NotFound(f"{cell.ref!r} is a {type(cell.actor).__name__} and has no partitions")
    return cell.actor


async def resize(sup: Dest, partitions: int) -> None:
    """Route keys to that many partitions from now on, stop those above and start again those below; returns when that is done (rule D3).

    Which keys belong where changes with the number; what a stopped partition knew is lost.

    Raises:
        SpecError: more than were started, or no number.
    """
    await call(sup, Resize(partitions), timeout=None)


async def count_partitions(sup: Dest) -> int:
    """How many partitions keys are routed to."""
    count: int = await call(sup, CountPartitions(), timeout=None)
    return count
