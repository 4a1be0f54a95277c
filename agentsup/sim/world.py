"""What every protocol of one simulator shares: ids, time, cursors, and the nursery its turns run in."""

from __future__ import annotations

import attrs
import trio

from .mint import Calendar, Mint
from .pages import Cursors


@attrs.frozen
class World:
    """The ground the protocols stand on."""

    mint: Mint
    calendar: Calendar
    cursors: Cursors
    nursery: trio.Nursery
    """Owns every running turn; cancelled when the simulator closes."""
