"""The places where the process is killed: before and after everything that touches the world.

Each place counts when it is passed; the run dies at the one whose number it was given. What is counted is the same from run to run as far as
the run is, so walking through all numbers walks through all places.
"""

from __future__ import annotations

import functools
import os
import signal

from agentsup.journal.sqlite import SQLiteJournal
from agentsup.providers.endpoint import Endpoint
from agentsup.providers.managed import ManagedDriver
from agentsup.session import perform
from agentsup.session.life import Life
from agentsup.session.perform import Performer


class Points:
    """Counts the places that were passed, and ends the process at one of them."""

    def __init__(self, fatal: int | None, passed: int) -> None:
        self._fatal = fatal
        self._log = passed
        """A file descriptor: each place is written there when it is passed, so that a killed process has said where it was."""
        self._count = 0

    def passing(self, place: str) -> None:
        self._count += 1
        os.write(self._log, f"{self._count} {place}\n".encode())
        if self._count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: object, name: str, place) -> None:
        """Count the calls of a method, before and after; `place` names the call."""
        method = getattr(owner, name)
        if _is_async(method):

            @functools.wraps(method)
            async def counted(*args, **kwargs):
                self.passing(f"before {place(*args, **kwargs)}")
                result = await method(*args, **kwargs)
                self.passing(f"after {place(*args, **kwargs)}")
                return result

        else:

            @functools.wraps(method)
            def counted(*args, **kwargs):
                self.passing(f"before {place(*args, **kwargs)}")
                result = method(*args, **kwargs)
                self.passing(f"after {place(*args, **kwargs)}")
                return result

        setattr(owner, name, counted)

    def install(self) -> None:
        """Put the places where the world is touched."""
        self.around(Performer, "_perform", lambda self, effect, _: f"effect {type(effect).__name__}")
        self.around(SQLiteJournal, "append", lambda self, key, entries, **_: f"append of {_names(entries)}")
        self.around(Life, "_committed", lambda self, cursor: "durable")
        self.around(
            ManagedDriver, "post", lambda self, _, items, **__: f"post of {[i.key.partition(':')[0] for i in items]}"
        )
        self.around(ManagedDriver, "create_session", lambda *_: "create")
        self.around(Endpoint, "_follow", lambda *_: "follow")
        self.around(perform, "run_tool", lambda spec, use, *_, **__: f"tool {use.name}")


def _names(entries) -> str:
    return "+".join(entry.body.type for entry in entries)


def _is_async(method) -> bool:
    import inspect

    return inspect.iscoroutinefunction(method)
