"""The demonstration itself: sessions ask about the parts of a folder, all at once, and things break meanwhile."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress
from typing import Final, Protocol

import attrs
import trio

from agentsup import otp
from agentsup.demo.agent import MODEL, Account
from agentsup.demo.board import Row
from agentsup.demo.census import settled_census
from agentsup.demo.checks import Evidence
from agentsup.demo.folder import Folder
from agentsup.demo.house import House, houses
from agentsup.demo.inquiry import answer_to, directions, request_about, steps_about
from agentsup.demo.part import Part, partition
from agentsup.demo.reader import Reader
from agentsup.demo.stage import Provider, Stage, real_stage, simulated_stage
from agentsup.demo.trouble import Trouble, raising_once, troubles
from agentsup.errors import AgentsupError
from agentsup.providers.reconnect import Reconnect
from agentsup.runtime import Runtime, open_runtime
from agentsup.session.client import SessionRef
from agentsup.session.spec import SessionSpec
from agentsup.session.tool import Tool
from agentsup.talk.events import RequestStarted, SessionEvent, ToolEnded
from agentsup.talk.limits import Limits
from agentsup.testing import crash

PATIENCE: Final = 25.0
"""Seconds for one simulated request; a demo that hangs must end, and say so."""

LIVE_PATIENCE: Final = 300.0
"""Seconds for one request to an agent that thinks."""

FAREWELL: Final = 5.0
"""Seconds a session may take to end, and again to tell the provider to stop where that was not enough."""

RECONNECT: Final = Reconnect(initial=0.2, cap=2.0)
"""Quicker than for a service: somebody is watching."""


class Audience(Protocol):
    """Whoever watches."""

    def tell(self, row: Row, news: str | None) -> None:
        """Something changed in a row; `news` if it is worth telling."""

    async def run(self) -> None:
        """Show it while it goes on; cancelled when it is over."""


@attrs.frozen(kw_only=True)
class Script:
    """What is to be performed."""

    folder: Folder
    sessions: int = 12
    live: Account | None = None
    """The real provider's account; None performs against the simulator."""

    model: str = MODEL


@attrs.frozen(eq=False)
class _Scene:
    """One session's part in it."""

    row: Row
    prompt: str = attrs.field(repr=False)
    tools: tuple[Tool, ...]
    trouble: Trouble
    calls_tools: bool
    """The agent is told to; one that thinks may do as it likes."""


class Performance:
    """One run of the demo."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tools = Reader(script.folder).tools()
        self._parts = partition(script.folder.files(), script.sessions)
        where = houses(script.sessions, live=self._is_live)
        each = zip(self._parts, where, troubles(where), strict=True)
        self._scenes = [self._scene(number, *of_it) for number, of_it in enumerate(each, start=1)]

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is known of each session, while it goes on and afterwards."""
        return tuple(scene.row for scene in self._scenes)

    async def run(self, audience: Audience) -> Evidence:
        """Perform it, once; what it left to look at.

        Cancelled, it tells the provider to stop what runs, and ends the simulator's process.

        Raises:
            SimulatorFailed: the simulator did not start.
            ProvisionFailed: the simulator made no harness.
            Unavailable: the provider could not be reached.
            Rejected: it refused.
        """
        before, answers = await settled_census(), self._answers()
        async with self._stage() as stage, open_runtime() as runtime:
            async with trio.open_nursery() as nursery:
                for scene in self._scenes:
                    spec = self._spec(scene, stage.providers[scene.row.house])
                    nursery.start_soon(_play, scene, runtime, spec, audience)
            arrived = await stage.arrived()
        after = await settled_census()
        return Evidence(
            rows=self.rows,
            expected=None if self._is_live else tuple(map(frozenset, zip(answers, self._answers(), strict=True))),
            tools=self._tools,
            left=after.left_since(before),
            arrived=arrived,
        )

    @property
    def _is_live(self) -> bool:
        return self._script.live is not None

    def _stage(self) -> AbstractAsyncContextManager[Stage]:
        script = self._script
        if script.live is not None:
            return real_stage(script.live, self._tools, model=script.model)
        both = any(row.house == "agentcore" for row in self.rows)
        return simulated_stage(self._tools, model=script.model, both=both)

    def _scene(self, number: int, part: Part, house: House, trouble: Trouble) -> _Scene:
        row = Row(session_id=f"part-{number:02}", title=part.title, house=house)
        if self._is_live:
            return _Scene(row, request_about(part), self._tools, trouble, calls_tools=False)
        steps = steps_about(part)
        broken = steps[0].calls[-1].tool if trouble.tool_raises else None
        tools = tuple(raising_once(tool) if tool.name == broken else tool for tool in self._tools)
        return _Scene(row, directions(steps, trouble), tools, trouble, calls_tools=True)

    def _spec(self, scene: _Scene, provider: Provider) -> SessionSpec:
        limits = Limits(timeout=LIVE_PATIENCE if self._is_live else PATIENCE)
        return SessionSpec(provider=provider, tools=scene.tools, limits=limits, reconnect=RECONNECT)

    def _answers(self) -> tuple[str, ...]:
        return tuple(answer_to(steps_about(part), self._tools) for part in self._parts)


async def _play(scene: _Scene, runtime: Runtime, spec: SessionSpec, audience: Audience) -> None:
    """One session from its start to its end. What fails in it is its own affair and stands in its row."""
    try:
        ref = await runtime.start_session(scene.row.session_id, spec)
    except AgentsupError as exc:
        audience.tell(scene.row, scene.row.fail(str(exc)))
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, ref, scene, audience)
        try:
            await _ask(ref, scene.prompt)
            with trio.move_on_after(FAREWELL):
                await ref.close()
        finally:
            # Over by now, unless the demo was ended early, or something in it hangs.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL):
                await ref.abort()


async def _ask(ref: SessionRef, prompt: str) -> None:
    """Ask and wait; what comes of it is seen in the events, with everything before it."""
    with suppress(AgentsupError):
        await ref.submit(prompt)


async def _watch(ref: SessionRef, scene: _Scene, audience: Audience) -> None:
    """Show what happens in the session until it ends; kill its task once, if that is its lot."""
    doomed = scene.trouble.task_dies
    async with ref.subscribe(after=0, overflow="block") as events:
        async for event in events:
            audience.tell(scene.row, scene.row.hear(event))
            if doomed and _is_at_work(event, scene):
                doomed = False
                with suppress(otp.NoProc):  # it ended before; the summary will say that nothing was restarted
                    await crash(ref)


def _is_at_work(event: SessionEvent, scene: _Scene) -> bool:
    """A bad moment to lose a task: of a batch of calls some are answered and some are not, or the prompt is on its way."""
    if scene.calls_tools:
        return isinstance(event.body, ToolEnded) and not event.body.result.is_error
    return isinstance(event.body, RequestStarted)
