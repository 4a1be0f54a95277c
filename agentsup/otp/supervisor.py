"""The supervisor of a fixed list of children, in an order that means something."""

from __future__ import annotations

import contextvars
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from agentsup.otp.child import Child, State
from agentsup.otp.childspec import ChildSpec, check_childspecs
from agentsup.otp.errors import AlreadyPresent, AlreadyStarted, NotFound, StartError
from agentsup.otp.flags import AutoShutdownDone, StartFailed, SupFlags
from agentsup.otp.overseer import Overseer
from agentsup.otp.process import announce_started
from agentsup.otp.reasons import Crashed, ExitReason, Shutdown
from agentsup.otp.refs import Ref
from agentsup.otp.results import Later, NoReply
from agentsup.otp.strategy import affected

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from agentsup.otp.caller import Caller
    from agentsup.otp.children import StartChild
    from agentsup.otp.results import CallResult


class Supervisor(Overseer):
    """Starts its children in order, each after the one before it is ready; restarts them as its flags say; stops them in reverse order.

    If a child cannot be started the first time, those before it are stopped again and the supervisor does not start (rule S4). Flags and specs are
    checked when the supervisor is made.

    Children that belong together (`one_for_all`, `rest_for_one`, and all of them at the beginning) are handled as one *group*: stop what lives of it,
    last one first and one at a time; wait out the delay; start it in order, one at a time. Requests are served between any two of these steps.

    Raises:
        SpecError: a flag or spec is wrong; every problem at once, nothing was started.
    """

    __slots__ = ("_doomed", "_due", "_group", "_specs", "_trigger")

    def __init__(self, flags: SupFlags, specs: Iterable[ChildSpec] = ()) -> None:
        super().__init__(flags)
        self._specs = tuple(specs)
        check_childspecs(self._specs, flags)
        self._doomed: list[Child] = []
        """Of the group: still to be stopped, the next one last."""
        self._group: OrderedDict[Child, None] = OrderedDict()
        """Still to be started, the next one first. Ordered and quick to look into: groups may be large."""
        self._due = True
        """Whether the delay before the starts is over."""
        self._trigger: Child | None = None
        """Whose failure it was."""

    def init(self) -> Later:
        """Begin to start the children; the supervisor has started when the last of them has."""
        self._warn()
        context = contextvars.copy_context()
        for spec in self._specs:
            self._children[spec.id] = Child(spec, context, state=State.RESTARTING, kept=True)
        self._group = OrderedDict.fromkeys(self._children.values())
        self._advance()
        return Later()

    # Asked.

    def _start_child(self, request: StartChild, caller: Caller) -> CallResult:
        spec = request.spec
        check_childspecs([spec], self._flags)
        present = self._children.get(spec.id)
        if present is not None and present.is_alive:
            assert present.cell is not None
            raise AlreadyStarted(f"{spec.id!r} is {present.state.value}", ref=present.cell.ref)
        if present is not None:
            raise AlreadyPresent(
                f"{spec.id!r} is {present.state.value}; restart_child starts it, delete_child makes room for another"
            )
        child = Child(spec, request.context, starters=[caller])
        self._launch(child)
        self._children[spec.id] = child
        return NoReply()

    def _child(self, key: Hashable) -> Child:
        child = self._children.get(key)
        if child is None and isinstance(key, Ref):
            child = next(
                (each for each in self._children.values() if each.cell is not None and each.cell.ref == key), None
            )
        if child is None:
            raise NotFound(
                f"{key!r} is no child of {self.ref!r}; it has {', '.join(map(repr, self._children)) or 'none'}"
            )
        return child

    def _terminate_child(self, child: Child, caller: Caller) -> CallResult:
        """Also take it out of the group: what waits for it goes on without it (rule S17)."""
        if child in self._group:
            del self._group[child]
            self._due = self._due or child is self._trigger
        result = super()._terminate_child(child, caller)
        self._advance()
        return result

    def _forget(self, child: Child) -> None:
        if self._children.get(child.spec.id) is child:
            del self._children[child.spec.id]
        self._group.pop(child, None)

    # Told.

    def _on_started(self, child: Child) -> None:
        super()._on_started(child)
        self._done_with(child)

    def _on_ignored(self, child: Child) -> None:
        super()._on_ignored(child)
        self._done_with(child)
        if child.spec.restart == "temporary":
            self._forget(child)

    def _done_with(self, child: Child) -> None:
        if self._next() is child:
            del self._group[child]
            self._advance()

    def _next(self) -> Child | None:
        """Who of the group is to be started first."""
        return next(iter(self._group), None)

    def _starts_again(self, child: Child) -> bool:
        return child in self._group

    def _start_refused(self, child: Child) -> None:
        """The others of its group go on without it."""
        super()._start_refused(child)
        self._group.pop(child, None)
        self._advance()

    def _stopped(self, child: Child) -> None:
        super()._stopped(child)
        if child in self._group:
            child.state = State.RESTARTING
        self._advance()

    def _on_died(self, child: Child, reason: ExitReason) -> None:
        if child in self._doomed:
            self._doomed.remove(child)  # it went before it was asked to
            self._report_death(child, reason)
            self._stopped(child)
            return
        super()._on_died(child, reason)

    def _ended_for_good(self, child: Child) -> None:
        super()._ended_for_good(child)
        if not child.spec.significant:
            return
        left = any(
            each.spec.significant and (each.is_alive or each.state is State.RESTARTING)
            for each in self._children.values()
        )
        if self._flags.auto_shutdown == "any_significant" or (
            self._flags.auto_shutdown == "all_significant" and not left
        ):
            self._end(Shutdown(AutoShutdownDone(child.spec.id)))

    # The group.

    def _failed(self, child: Child, reason: ExitReason) -> None:
        if not self._cell.announced and child.first:
            self._start_failed(child, reason)
            return
        if self._flags.strategy != "one_for_one":
            self._form_group(child)
        super()._failed(child, reason)
        self._advance()

    def _start_failed(self, child: Child, reason: ExitReason) -> None:
        """The supervisor itself could not start (rule S4): no retry, the limit is not asked."""
        self._group.clear()
        self._giving_up = True
        self._end(Shutdown(StartFailed(child.spec.id, reason)))

    def _form_group(self, child: Child) -> None:
        order = list(self._children.values())
        child.not_before = max(
            (each.retry.deadline for each in self._group if each.retry is not None), default=-math.inf
        )
        concerned = affected(self._flags.strategy, order, child, self._group)
        self._doomed = [each for each in concerned if each.is_alive and each is not child]
        self._group = OrderedDict.fromkeys(each for each in concerned if each.spec.restart != "temporary")
        self._due, self._trigger = False, child
        for each in self._group:
            each.call_off()
            if not each.is_alive:
                each.state = State.RESTARTING

    def _relaunch(self, child: Child) -> None:
        """An attempt was allowed: alone, or as the start of the group."""
        if child in self._group:
            self._form_group(child)  # anew, so that it takes in who was started by hand meanwhile (rule S16)
            self._due = True
            self._advance()
        else:
            super()._relaunch(child)

    def _advance(self) -> None:
        """Do the next step of the group, if nothing has to be waited for."""
        if self._giving_up or (self._doomed and self._doomed[-1].state is State.STOPPING):
            return
        while self._doomed:
            each = self._doomed.pop()
            if each.is_alive:
                self._doomed.append(each)
                self._bring_down(each)
                return
        first = self._next()
        if self._due and first is not None:
            if first.state is not State.STARTING:
                self._start_next(first)
        elif first is None and not self._cell.announced:
            announce_started(self._cell)

    def _start_next(self, child: Child) -> None:
        if child is not self._trigger and child.incarnation:
            child.restarts += 1
        try:
            self._launch(child)
        except StartError as error:
            self._on_launch_refused(child, error)

    def _on_launch_refused(self, child: Child, error: StartError) -> None:
        self._report_start_error(child, Crashed(error))
        if child.starters:
            child.state = State.STOPPED
            child.fail_starters(error)
            self._start_refused(child)
        else:
            self._failed(child, Crashed(error))

    async def terminate(self, reason: ExitReason) -> None:
        """Stop the children in the reverse of their start order, one at a time (rule S6)."""
        del reason
        self._giving_up = True
        children = list(self._children.values())
        self._call_off_all(children)
        for child in reversed(children):
            if child.is_alive:
                self._bring_down(child)
                await self._await_end(child)
