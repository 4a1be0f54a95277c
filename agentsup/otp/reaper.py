"""How a process is brought down: asked, then killed, and if it survives that, parked where it hurts nobody (rule S7, section 3.4).

There is no unconditional kill in Python. What goes on after it - behind a shield, in a thread - is announced dead and kept until it ends, so that
nobody waits for it but the runtime, whose last task it may be.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import attrs
import trio
from trio.lowlevel import enable_ki_protection

from agentsup.otp import reports
from agentsup.otp.cell import Cell, Phase
from agentsup.otp.ending import bury
from agentsup.otp.events import ZombieParked
from agentsup.otp.mailbox import StopAsked
from agentsup.otp.reasons import Killed, Shutdown

if TYPE_CHECKING:
    from agentsup.otp.runtime import Runtime
    from agentsup.otp.spawned import Spawned
    from agentsup.otp.timers import Timers


@attrs.define(eq=False)
class Reaper:
    """Ends the processes of one runtime, and keeps those that do not end."""

    _runtime: Runtime
    _timers: Timers
    grace: float
    """Seconds between a kill and parking what survived it."""
    zombies: set[Cell | Spawned] = attrs.field(factory=set)
    """What was killed and lives on, as long as it does."""
    _freed: trio.Event | None = None

    @enable_ki_protection
    def bring_down(self, cell: Cell, shutdown: float | str) -> None:
        """The whole ladder: ask, wait `shutdown` seconds, kill; or kill at once, if it is no number."""
        if cell.is_over:
            return
        if not isinstance(shutdown, (int, float)):
            self.kill(cell)
            return
        cell.asked = Shutdown()
        self._next_rung(cell, shutdown, functools.partial(self.kill, cell))
        if cell.initialised:
            cell.mailbox.put_system(StopAsked(Shutdown()))
        else:
            cell.cut(Shutdown())

    @enable_ki_protection
    def kill(self, cell: Cell) -> None:
        """Cut a process off; if it does not end within `grace` seconds, park it."""
        if cell.is_over:
            return
        is_idle = cell.mailbox.parked is not None and not cell.spawned and not cell.children
        cell.cut(Killed())
        if is_idle and cell.ladder is None:
            return  # none of its code runs, nor will any: it ends in its next step
        self._next_rung(cell, self.grace, functools.partial(self._park, cell))

    def keep(self, task: Cell | Spawned) -> None:
        """Wait for a task that nobody else waits for any more."""
        self.zombies.add(task)

    def forget(self, task: Cell | Spawned) -> None:
        """A parked task ended after all."""
        self.zombies.discard(task)
        if self._freed is not None:
            self._freed.set()

    async def emptied(self) -> None:
        """Wait until the last of them has ended."""
        while self.zombies:
            self._freed = trio.Event()
            await self._freed.wait()

    def _next_rung(self, cell: Cell, delay: float, act: functools.partial[None]) -> None:
        if cell.ladder is not None:
            cell.ladder.cancel()
        cell.ladder = self._timers.after(delay, act)

    def _park(self, cell: Cell) -> None:
        """It cannot be killed: tell everybody that it is dead, and keep its task where it hurts nobody."""
        if cell.is_over:
            return
        if cell.phase is Phase.CLOSING:  # what it waits for is bounded by itself
            self._next_rung(cell, self.grace, functools.partial(self._park, cell))
            return
        for spawned in list(cell.spawned or ()):
            spawned.cancel()
        reports.zombie(cell)
        self._runtime.tell(ZombieParked(self._runtime.now(), cell.ref))
        self.keep(cell)
        bury(cell, Phase.ZOMBIE)
