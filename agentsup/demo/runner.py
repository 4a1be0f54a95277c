"""The process of the second act that is killed, and the one that goes on: a runtime over a store, `python -m agentsup.demo.runner`.

It reads its orders from stdin, one line of JSON, and reports on stdout (`report.py`). Both processes do the same: they follow what stands in
the store, and ask what they are told to ask. To the first the store is empty, to the second all is said already.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import structlog
import trio

from agentsup.demo.folder import Folder
from agentsup.demo.ledger import Ledger
from agentsup.demo.reader import Reader
from agentsup.demo.report import Asked, Finished, Report, to_line
from agentsup.providers.managed import ClaudeManagedAgents
from agentsup.providers.reconnect import Reconnect
from agentsup.runtime import Runtime, open_runtime
from agentsup.session.client import SessionRef
from agentsup.session.spec import SessionSpec
from agentsup.talk.events import RequestEnded
from agentsup.talk.limits import Limits

PATIENCE: Final = 50.0
"""Seconds for one request, the time in which nobody ran included."""

RECONNECT: Final = Reconnect(initial=0.2, cap=2.0)
"""Quicker than for a service: somebody is watching."""


@attrs.frozen(kw_only=True)
class Orders:
    """What the process is to do."""

    folder: str
    """What is asked about: a `Folder`'s root."""

    store: str
    ledger: str
    base_url: str
    agent: str
    environment: str
    prompts: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """What to ask the sessions that are new, by their ids."""

    cut_off_at: int | None = None
    """As in `Ledger`."""

    def to_line(self) -> bytes:
        """The orders as a line of JSON."""
        return json.dumps(attrs.asdict(self)).encode() + b"\n"

    def spec(self) -> SessionSpec:
        """Every session is the same but for its prompt: tools that only read, and one that must not run twice."""
        provider = ClaudeManagedAgents(
            agent=self.agent, environment=self.environment, base_url=self.base_url, api_key="demo"
        )
        tools = (*Reader(Folder(Path(self.folder))).tools(), Ledger(Path(self.ledger), self.cut_off_at).tool())
        return SessionSpec(provider=provider, tools=tools, limits=Limits(timeout=PATIENCE), reconnect=RECONNECT)


def main() -> None:
    """Do what stdin says, and end when it ends."""
    orders = sys.stdin.buffer.readline()
    if not orders.endswith(b"\n"):
        return  # whoever started it has changed their mind, or was killed
    threading.Thread(target=_end_with_stdin, name="while-stdin", daemon=True).start()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # stdout is for reports
    trio.run(_run, Orders(**json.loads(orders)))


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)  # at once: it is here to show that a process may go at any moment


async def _run(orders: Orders) -> None:
    spec, desk = orders.spec(), _Desk()
    async with (
        open_runtime(store=orders.store, spec_for=lambda _: spec) as runtime,
        trio.open_nursery() as nursery,
    ):
        for ref in runtime.sessions():
            nursery.start_soon(_follow, ref, desk)
        for session_id, prompt in orders.prompts.items():
            nursery.start_soon(partial(_ask, runtime, session_id, prompt, spec=spec, desk=desk))


async def _ask(runtime: Runtime, session_id: str, prompt: str, *, spec: SessionSpec, desk: _Desk) -> None:
    ref = await runtime.start_session(session_id, spec)
    await ref.message(prompt)
    await desk.tell(Asked(session_id))
    await _follow(ref, desk)


async def _follow(ref: SessionRef, desk: _Desk) -> None:
    """See everything there is of a session, from its start, and report its end."""
    async with ref.subscribe(after=0, overflow="block") as events:
        async for event in events:
            if isinstance(event.body, RequestEnded):
                failure = event.body.failure
                await desk.tell(Finished(ref.id, event.result, None if failure is None else failure.message))
                return


class _Desk:
    """Writes reports, one at a time: two that are longer than a pipe takes at once would get into each other."""

    def __init__(self) -> None:
        self._lock = trio.Lock()

    async def tell(self, report: Report) -> None:
        line = to_line(report)
        async with self._lock:
            await trio.to_thread.run_sync(_write, line)  # whoever reads may be slow


def _write(line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(sys.stdout.fileno(), rest) :]


if __name__ == "__main__":
    main()
