"""One function per effect: having the machine's decisions done.

Each piece of work runs in a task under the session's actor and reports to its mailbox, waiting while that is full. A report is never
left out: an effect that the machine waits for is answered by exactly one message, whatever happens.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

import attrs
import trio

from agentsup import otp
from agentsup.ids import CallId, Cursor, RequestId
from agentsup.journal.errors import StoreError
from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.results import turns_of
from agentsup.providers.base import Opening, Rejected, Seen, Unavailable
from agentsup.providers.endpoint import Follow, Unfollow
from agentsup.session.approval import decide
from agentsup.session.clock import RequestClock
from agentsup.session.insistence import Insistence
from agentsup.session.judge import TurnReport, judge
from agentsup.session.observer import observe
from agentsup.session.place import Place
from agentsup.session.toolbox import run_tool
from agentsup.talk.events import Kept
from agentsup.talk.result import Turn
from agentsup.talk.tools import SessionInfo, ToolResult

if TYPE_CHECKING:
    from agentsup.session.actor import SessionActor
    from agentsup.session.life import Life
    from agentsup.session.services import Services

TOOLS_AT_ONCE = 8
"""Tools of one session that run at the same time; the others wait their turn."""

ALL_OF_IT = 3
"""Losses in a row after which all of the history is listed: what was listed so far brought nothing new, and there may be more than was shown."""

FAREWELL = 5.0
"""Seconds a session that ends may take to tell the provider to stop."""


@attrs.frozen
class Trouble:
    """From work of our own: the provider could not be reached, or (`sending`) it is unknown whether what we sent arrived."""

    why: Unavailable
    sending: bool = False


class Performer:
    """Does what the machine of one incarnation decides."""

    def __init__(self, actor: SessionActor, life: Life, services: Services) -> None:
        self._actor = actor
        self._life = life
        self._services = services
        self._provider = life.spec.provider
        self._endpoint: otp.Ref | None = None
        self._follows = False
        """Whether a stream was asked for and is not known to be over."""

        self._tools: dict[CallId, otp.Spawned] = {}
        self._clocks: dict[RequestId, RequestClock] = {}
        self._slots = trio.CapacityLimiter(TOOLS_AT_ONCE)
        self._unfinished: set[trio.Event] = set()
        """Work that a session that ends waits for, within reason: what is on its way, and showing what happened."""

        self.generation = 0
        """Which of the streams asked for so far is the one that counts."""

        self.last_failure: Unavailable | None = None
        """Why the provider could not be reached the last time, until that is made good."""

        self._insistence = Insistence()
        self._shortages = 0
        """Failures in a row by which we did not come as far as the provider."""

    def begin(self) -> None:
        """Show this incarnation's events to the user's handler, if there is one."""
        if self._life.spec.event_handler is not None:
            self._work(self._observe, self._life.published, self._unfinished_work())

    def planned(self, effect: fx.Effect) -> Callable[[], None]:
        """The effect, to be performed later. From now on no stream counts but the one that was decided on last."""
        if isinstance(effect, fx.Attach | fx.Detach):
            self.generation += 1
        return partial(self._perform, effect, self.generation)

    def _perform(self, effect: fx.Effect, generation: int) -> None:  # noqa: C901  -- one clause per effect is the point
        """Have it done; never waits."""
        match effect:
            case fx.Open():
                self._work(self._open, effect)
            case fx.Attach():
                self._work(self._attach, effect, generation)
            case fx.Detach():
                self._follows = False
                if self._endpoint is not None:
                    otp.cast(self._endpoint, Unfollow(self._actor.ref))
            case fx.Post():
                self._work(self._post, effect, self._unfinished_work())
            case fx.RunTool(use):
                self._tools[use.call_id] = self._actor.spawn(self._run_tool, effect)
            case fx.CancelTools(call_ids):
                self._cancel_tools(call_ids)
            case fx.AskApproval(use):
                self._work(self._ask_approval, effect)
            case fx.Judge():
                self._work(self._judge, effect)
            case fx.StartTimer(request_id, seconds):
                self._clocks[request_id] = clock = RequestClock(self._actor, request_id, seconds)
                clock.go_on()
            case fx.PauseTimer(request_id):
                if (paused := self._clocks.get(request_id)) is not None:
                    paused.stand_still()
            case fx.ResumeTimer(request_id):
                if (resumed := self._clocks.get(request_id)) is not None:
                    resumed.go_on()
            case fx.ChangeTimer():
                self._change_timer(effect)
            case fx.CancelTimer(request_id):
                if (over := self._clocks.pop(request_id, None)) is not None:
                    over.stand_still()
            case fx.AwaitRest(key, seconds):
                self._actor.send_after(seconds, msg.RestOverdue(key))
            case fx.Rest():
                if self._actor.state.asleep:  # and not wanted again meanwhile
                    self._actor.stop()
            case fx.Finish():
                self._work(self._finish)
            case _:
                assert_never(effect)

    def _change_timer(self, effect: fx.ChangeTimer) -> None:
        clock = self._clocks.get(effect.request_id)
        if effect.seconds is None:
            if clock is not None:
                self._clocks.pop(effect.request_id).stand_still()
        elif clock is not None:
            clock.change(effect.seconds)
        else:
            self._clocks[effect.request_id] = clock = RequestClock(self._actor, effect.request_id, effect.seconds)
            if not effect.stands:
                clock.go_on()

    def lost_endpoint(self, ref: otp.Ref) -> bool:
        """Whether the task that ended held our stream; if so, it counts no more. One that nobody used has a right to end."""
        if ref != self._endpoint:
            return False
        self._endpoint = None
        lost, self._follows = self._follows, False
        if lost:
            self.generation += 1
        return lost

    def compact(self, upto: Cursor) -> None:
        """Have the records up to this cursor let go."""
        self._work(self._compact, upto)

    async def _compact(self, upto: Cursor) -> None:
        with suppress(StoreError):  # it cannot be written at the moment: the next request's end tries again
            await self._services.journal.compact(self._life.stored.key, upto)

    # --- asking --------------------------------------------------------------------------------------------------------------

    async def _ask_approval(self, effect: fx.AskApproval) -> None:
        info, threads = self._info(effect.use.call_id), self._services.threads
        word = await decide(self._life.spec, effect.use, info, ours=effect.ours, threads=threads)
        await otp.send(self._actor.ref, word)

    async def _judge(self, effect: fx.Judge) -> None:
        log = self._life.resident
        report = TurnReport(
            session_id=self._life.session_id,
            request_id=effect.request_id,
            turns=effect.turn,
            session_turns=effect.turns,
            usage=effect.usage,
            elapsed=max(0.0, time.time() - log.began_at(effect.request_id)),
            turn=_turn(log.of_request(effect.request_id, upto=log.cursor), effect),
        )
        limits = self._actor.state.limits or self._life.spec.limits
        judged, error = await judge(self._life.spec, report, limits)
        if error is not None:
            self._life.awaited.blame(effect.request_id, error)
        await otp.send(self._actor.ref, judged)

    def _info(self, call_id: CallId | None = None) -> SessionInfo:
        return SessionInfo(
            session_id=self._life.session_id,
            provider=self._provider.kind,
            provider_session_id=self._actor.state.provider_session_id,
            call_id=call_id,
            metadata=self._life.spec.metadata,
        )

    # --- opening and following ---------------------------------------------------------------------------------------------

    async def _open(self, effect: fx.Open) -> None:
        await self._stay_away(effect.attempt, in_doubt=effect.search)
        opening = Opening(session_id=self._life.session_id, token=effect.token, search=effect.search)

        async def open_it() -> msg.Opened:
            async with self._services.openings:
                driver = await self._services.driver(self._provider)
                return msg.Opened(await self._provider.open(driver, opening))

        await self._report(open_it)

    async def _attach(self, effect: fx.Attach, generation: int) -> None:
        await self._stay_away(effect.attempt, in_doubt=bool(self._actor.state.sent))
        if generation != self.generation:
            return  # decided otherwise meanwhile

        async def follow() -> None:
            endpoint = await self._services.endpoint(self._provider)
            if endpoint != self._endpoint:
                self._endpoint = endpoint
                self._actor.monitor(endpoint)
            heartbeat, log = self._life.spec.reconnect.heartbeat, self._life.resident
            try:
                newest = await log.newest_heard() if effect.attempt < ALL_OF_IT else ()
            except StoreError:  # nobody knows, so all of it is listed
                newest = ()
            seen = Seen(newest, self._actor.state.doubted) if newest else None
            follow = Follow(self._actor.ref, effect.provider_session_id, heartbeat, generation, seen, log.known)
            self._follows = True
            await otp.call(endpoint, follow)

        await self._report(follow)

    async def _stay_away(self, attempt: int, *, in_doubt: bool) -> None:
        """Wait as long as is due; longer if something of ours may still arrive, for it must not be found missing before."""
        reconnect = self._life.spec.reconnect
        failure, self.last_failure = self.last_failure, None
        self._shortages = self._shortages + 1 if failure is not None and failure.ours else 0
        floor = 0.0 if failure is None else failure.retry_after or 0.0
        if in_doubt and self._provider.has_history and not (failure and failure.unsent):
            floor = max(floor, reconnect.grace)
        attempt = self._shortages or attempt
        await trio.sleep(reconnect.delay(attempt, random.random(), floor=floor))  # noqa: S311  -- jitter

    # --- sending -------------------------------------------------------------------------------------------------------------

    async def _post(self, effect: fx.Post, done: trio.Event) -> None:
        async def post() -> msg.Posted:
            driver = await self._services.driver(self._provider)
            state = self._actor.state
            assert state.provider_session_id is not None
            try:
                await driver.post(
                    state.provider_session_id, effect.items, seconds=self._seconds_left(), options=state.options
                )
            except Unavailable as exc:
                raise self._insistence.in_vain(effect.items, exc) or exc from exc
            self._insistence.taken()
            return msg.Posted(tuple(item.key for item in effect.items))

        try:
            await self._report(post, sending=True)
        finally:
            self._unfinished.discard(done)
            done.set()

    def _seconds_left(self) -> float | None:
        """What is left of the running request's time."""
        current = self._actor.state.current
        clock = self._clocks.get(current.id) if current is not None else None
        return None if clock is None else clock.left

    async def _finish(self) -> None:
        """Let what has begun come to its end, within reason, then end the task."""
        with trio.move_on_after(FAREWELL):
            for done in tuple(self._unfinished):
                await done.wait()
        self._actor.stop()

    async def _observe(self, after: int, done: trio.Event) -> None:
        await observe(self._life, after=after)
        done.set()

    def _unfinished_work(self) -> trio.Event:
        done = trio.Event()
        self._unfinished.add(done)
        return done

    # --- tools ---------------------------------------------------------------------------------------------------------------

    async def _run_tool(self, effect: fx.RunTool) -> None:
        use = effect.use
        info = self._info(use.call_id)
        place = Place(self._slots)

        def held_up(result: ToolResult | None) -> None:
            """It cannot be ended: the others get its place, and the agent hears that its time is up."""
            place.leave()
            if result is not None and not place.is_answered:
                place.is_answered = True
                self._work(otp.send, self._actor.ref, msg.ToolDone(result))

        await place.take()
        try:
            result = await run_tool(self._life.spec, use, info, threads=self._services.threads, held_up=held_up)
        finally:
            place.leave()
        if not place.is_answered:
            await otp.send(self._actor.ref, msg.ToolDone(result))
        self._tools.pop(use.call_id, None)

    def _cancel_tools(self, call_ids: tuple[CallId, ...]) -> None:
        for call_id in call_ids:
            tool = self._tools.pop(call_id, None)
            if tool is not None:
                tool.cancel()

    # --- reporting -----------------------------------------------------------------------------------------------------------

    def _work(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        self._actor.spawn(function, *args)

    async def _report(self, work: Callable[[], Awaitable[Any]], *, sending: bool = False) -> None:
        """Do the work and tell the session what came of it, if it is something to be told."""
        try:
            outcome = await work()
        except Unavailable as exc:
            outcome = Trouble(exc, sending)
        except Rejected as exc:
            # Whatever else is refused than what was sent is the session, by whatever status.
            outcome = msg.Refused(exc.failure, exc.fatal or not sending, exc.doubtful)
        except otp.CallError as exc:
            gone = Unavailable(f"the connection is not there at the moment ({type(exc).__name__})")
            outcome = Trouble(gone, sending)
        if outcome is not None:
            await otp.send(self._actor.ref, outcome)


def _turn(bodies: Sequence[Kept], effect: fx.Judge) -> Turn | None:
    """The turn that is looked at, as the session's history will tell it."""
    turns = turns_of(bodies)
    return attrs.evolve(turns[effect.turn - 1], number=effect.turns) if len(turns) >= effect.turn else None
