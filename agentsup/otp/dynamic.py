"""A supervisor of many alike children that come and go; each is known by its ref."""

from __future__ import annotations

import contextvars
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from agentsup.errors import SpecError
from agentsup.otp.child import Child
from agentsup.otp.children import StartChild
from agentsup.otp.childspec import ChildSpec, check_childspecs
from agentsup.otp.errors import MaxChildren, NotFound
from agentsup.otp.flags import SupFlags, is_seconds
from agentsup.otp.overseer import Overseer
from agentsup.otp.refs import Ref
from agentsup.otp.results import NoReply

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentsup.otp.caller import Caller
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.results import CallResult, InitResult


Source: TypeAlias = Callable[[], Iterable[ChildSpec] | Awaitable[Iterable[ChildSpec]]]
"""Says which children a DynamicSupervisor should have."""


class DynamicSupervisor(Overseer):
    """Children are started by `start_child` only, restarted one for one, and stopped all at once (rules D1, D2, S6).

    Children are told apart by their refs; the id of a spec shows in reports only. A temporary child is forgotten when it ends, also a transient one
    that ended cleanly. `terminate_child` takes a ref: of a child that waits for its restart, the old one; of one that is gone, it is `NotFound`.

    Args:
        flags: strategy must be one_for_one, auto_shutdown never.
        max_children: how many may live or wait for a restart at once; None for no limit, 0 is legal.
        source: the truth about who should run: called whenever this supervisor starts, also after its own crash, and everybody it names is started,
            side by side and without waiting for them. A start that fails is reported and retried like a restart.
    """

    __slots__ = ("_former", "_max_children", "_source")

    shows_ids = False

    def __init__(
        self, flags: SupFlags | None = None, max_children: int | None = None, *, source: Source | None = None
    ) -> None:
        flags = SupFlags() if flags is None else flags
        super().__init__(flags)
        if flags.strategy != "one_for_one":
            raise SpecError.of(
                "flags.strategy",
                f'{flags.strategy!r} needs an order of children; a DynamicSupervisor has "one_for_one" only',
            )
        if flags.auto_shutdown != "never":
            raise SpecError.of(
                "flags.auto_shutdown", f'{flags.auto_shutdown!r} is for static supervisors; right would be "never"'
            )
        if max_children is not None and (not is_seconds(max_children) or not isinstance(max_children, int)):
            raise SpecError.of("max_children", f"{max_children!r} is no count; a whole number of at least 0, or None")
        self._source = source
        self._former: dict[Ref, Child] = {}
        """By the refs that people know them by: children that are being started again, or failed to."""
        self._max_children = math.inf if max_children is None else max_children

    async def init(self) -> InitResult:
        """Start whom the source names; without one there is nobody to start yet."""
        self._warn()
        if self._source is not None:
            found = self._source()
            specs = list(await found if isinstance(found, Awaitable) else found)
            check_childspecs(specs, ids_matter=False)
            for spec in specs:
                self._start_from_source(spec)
        return None

    def _start_from_source(self, spec: ChildSpec) -> None:
        child = Child(spec, contextvars.copy_context(), first=False)
        self._children[child] = child  # by itself, until it has a ref: its name may be taken for a while
        self._relaunch(child)

    def _start_child(self, request: StartChild, caller: Caller) -> CallResult:
        if len(self._children) >= self._max_children:
            raise MaxChildren(self._max_children)
        if request.spec.significant:
            raise SpecError.of("spec.significant", "a DynamicSupervisor has no auto_shutdown it could count for")
        child = Child(request.spec, request.context)
        child.starters = [caller]
        self._launch(child)
        return NoReply()

    def _launch(self, child: Child) -> None:
        """Start an incarnation, under its new ref; until it runs the last one that did finds it, too (rule D2)."""
        old = child if child.cell is None else child.cell.ref
        super()._launch(child)
        assert child.cell is not None
        self._children.pop(old, None)
        if child.known is not None:
            self._former[child.known] = child
        self._children[child.cell.ref] = child

    def _on_started(self, child: Child) -> None:
        assert child.cell is not None
        if child.known is not None:
            self._former.pop(child.known, None)
        child.known = child.cell.ref
        super()._on_started(child)

    def _child(self, key: Hashable) -> Child:
        if not isinstance(key, Ref):
            raise SpecError.of("child", f"a {type(key).__name__} names no dynamic child; right would be its Ref")
        child = self._children.get(key) or self._former.get(key)
        if child is None:
            raise NotFound(f"{key!r} is no child of {self.ref!r} (any more)")
        return child

    def _forget(self, child: Child) -> None:
        self._children.pop(child if child.cell is None else child.cell.ref, None)
        if child.known is not None:
            self._former.pop(child.known, None)

    def _stopped(self, child: Child) -> None:
        """A stopped dynamic child is forgotten, whatever its kind."""
        super()._stopped(child)
        self._forget(child)

    def _start_refused(self, child: Child) -> None:
        self._forget(child)

    def _on_ignored(self, child: Child) -> None:
        """Nothing to run: not stored, also not when it was a restart (rules S5, D2)."""
        super()._on_ignored(child)
        self._forget(child)

    def _ended_for_good(self, child: Child) -> None:
        self._forget(child)

    async def terminate(self, reason: ExitReason) -> None:
        """Stop everybody at once; each has its own time, and the waits run side by side (rule S6)."""
        del reason
        children = list(self._children.values())
        self._call_off_all(children)
        alive = [child for child in children if child.is_alive]
        for child in alive:
            self._bring_down(child)
        for child in alive:
            await self._await_end(child)
