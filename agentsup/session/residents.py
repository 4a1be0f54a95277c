"""Which sessions are in memory with nothing to do, and for how long: they are asked to leave it when that is too long, or they are too many."""

from __future__ import annotations

from collections import OrderedDict

from agentsup.loop import messages as msg
from agentsup.loop.state import State
from agentsup.otp import Runtime, Timer, signal
from agentsup.session.life import Life


class Residents:
    """A runtime's sessions that are in memory. Only those the runtime can start again are ever asked to leave."""

    def __init__(self, *, passivate_after: float | None = None, max_resident: int | None = None) -> None:
        self._after = passivate_after
        self._most = max_resident
        self._awake: set[Life] = set()
        self._idle: OrderedDict[Life, Timer | None] = OrderedDict()
        """Longest idle first."""
        self._asked: set[Life] = set()
        """Those that were asked to leave, and have not."""
        self.kernel: Runtime | None = None
        """Whose clock counts the idle time."""

    def __len__(self) -> int:
        return len(self._awake)

    def __repr__(self) -> str:
        return f"<Residents: {len(self._awake)}, {len(self._idle)} of them idle>"

    def changed(self, life: Life, state: State) -> None:
        """The session settled into this state."""
        if life.child is None:
            return
        self._forget(life)
        if state.asleep:
            self._asked.add(life)  # on its way out
            return
        self._asked.discard(life)
        self._awake.add(life)
        if state.may_sleep:
            self._idle[life] = self._timer(life)
        self._make_room()

    def leave(self, life: Life) -> None:
        """The session's task has ended."""
        self._forget(life)
        self._asked.discard(life)
        self._awake.discard(life)

    def _forget(self, life: Life) -> None:
        timer = self._idle.pop(life, None)
        if timer is not None:
            timer.cancel()

    def _timer(self, life: Life) -> Timer | None:
        if self._after is None or self.kernel is None:
            return None
        return self.kernel.timers.after(self._after, lambda: _ask_to_leave(life))

    def _make_room(self) -> None:
        """Beyond the cap the longest idle leave; sessions that work are never asked, so the cap can be exceeded by them."""
        if self._most is None:
            return
        while self._idle and len(self._awake) - len(self._asked) > self._most:
            life = next(iter(self._idle))
            self._forget(life)
            self._asked.add(life)
            _ask_to_leave(life)


def _ask_to_leave(life: Life) -> None:
    if life.task is not None:
        signal(life.task, msg.Passivate())
