"""One session's way to its harness: one turn at a time, each followed to its end in the task that owns its connection.

Where the other provider has a stream that is always open and a history that can be listed, a harness has neither: an invoke is answered by
a stream, and that is all there ever is of it. So nothing is asked twice that may have begun: an invoke is repeated only when the service
refused it unseen (429), or when there was nobody to send it to. Whatever else goes wrong ends the request, with what came until then.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn

import httpx
import structlog
import trio

from agentsup.providers.agentcore.failing import Trouble, broken, refused
from agentsup.providers.agentcore.turn import Turn
from agentsup.providers.aws.credentials import NoCredentials
from agentsup.providers.aws.sending import Ask, Sender
from agentsup.providers.base import Hear, Rejected, Unavailable
from agentsup.providers.body import unwinding
from agentsup.providers.reconnect import Reconnect
from agentsup.talk import events as ev
from agentsup.wire.agentcore.frames import read_frame
from agentsup.wire.agentcore.turn import Body, TurnFold
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.eventstream import FrameDecoder

_log = structlog.get_logger("agentsup.providers")

WHAT: Final = "invoking the harness"

MOST_RETRIES: Final = 2
"""Repetitions of an invoke that the service has not begun."""

BACKOFF: Final = Reconnect(initial=0.5, cap=8.0)

AHEAD: Final = 2
"""Turns that may wait: the session sends one at a time, and may be sure of the end of a stopped one before we are."""

Asking = Callable[[Turn], Ask]


class Line:
    """One session's turns, one after the other."""

    def __init__(self, sender: Sender, asking: Asking, hear: Hear) -> None:
        self._sender = sender
        self._asking = asking
        self._hear = hear
        self._ask, self._asked = trio.open_memory_channel[Turn](AHEAD)
        self._current: Turn | None = None
        self._waiting: set[Turn] = set()
        self.has_ended = False
        """The last turn that was taken came to its own end: nothing over there is at work, or waits for us."""

    def __repr__(self) -> str:
        return f"<Line {self._current or 'at rest'}>"

    async def run(self) -> NoReturn:
        """Take turns as they are asked for. Ends by being cancelled, or with `Rejected` when the session itself is refused."""
        try:
            while True:
                turn = await self._asked.receive()
                self._waiting.discard(turn)
                self._current = turn
                await self._take_turn(turn)
                self._current = None
        finally:
            self._ask.close()
            for turn in self._waiting:
                turn.refuse(Unavailable("the connection was dropped before the turn began"))
                turn.over.set()

    async def put(self, turn: Turn) -> None:
        """Ask for a turn. Whatever becomes of it settles it.

        Raises:
            Unavailable: the line is not there any more; nothing was sent.
        """
        self._waiting.add(turn)
        try:
            await self._ask.send(turn)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Unavailable("the connection is not there at the moment") from None
        except BaseException:
            self._waiting.discard(turn)
            raise

    async def stop(self) -> None:
        """Leave what is being followed, if anything is, and say that the agent rests. What was asked for and not begun is not begun."""
        for waits in self._waiting:
            waits.scope.cancel()
        turn = self._current
        if turn is None:
            await self._hear(Turn().stopped())
            return
        turn.scope.cancel()
        await turn.over.wait()

    # --- a turn --------------------------------------------------------------------------------------------------------------

    async def _take_turn(self, turn: Turn) -> None:
        self.has_ended = False
        try:
            with turn.scope:
                await trio.lowlevel.checkpoint()  # a turn that was stopped before it began does not begin
                await self._follow(turn)
            if turn.scope.cancelled_caught:
                turn.take()
                await self._hear((*turn.echoes(), *turn.stopped()))
        except BaseException:
            # Cut off from outside, with nobody to tell: whoever still waits hears that it may have begun.
            turn.refuse(Rejected(ev.Failure(kind="stream", message=f"{WHAT}: the connection was dropped"), fatal=False))
            raise
        finally:
            turn.over.set()

    async def _follow(self, turn: Turn) -> None:
        try:
            await self._persist(turn)
        except Trouble as exc:
            refusal = Rejected(exc.failure, fatal=exc.fatal)
            if turn.refuse(refusal):
                return
            await self._hear((*turn.echoes(), turn.broke(exc.failure)))
            if exc.fatal:
                raise refusal from exc

    async def _persist(self, turn: Turn) -> None:
        """Invoke, again where that cannot do anything twice. What lacks here is waited for as long as the request has time."""
        attempt = refusals = 0
        while True:
            try:
                await self._invoke(turn)
            except Trouble as exc:
                attempt += 1
                refusals += not exc.ours
                if not exc.again or refusals > MOST_RETRIES:
                    raise
                wait = BACKOFF.delay(attempt, random.random(), floor=exc.wait)  # noqa: S311  -- jitter
                _log.warning("agentcore.invoke_repeated", status=exc.failure.status, attempt=attempt, wait=wait)
                kind = exc.failure.code or "not_reached"
                await self._hear((ev.Troubled(id=f"{turn.id}.{attempt}", raw={}, kind=kind, retry="retrying"),))
            else:
                return
            await trio.sleep(wait)

    async def _invoke(self, turn: Turn) -> None:
        try:
            async with self._sender.answer(self._asking(turn)) as response:
                if not response.is_success:
                    raise refused(WHAT, response, await self._sender.told(response))
                turn.take()
                await self._hear(turn.echoes())
                await self._read(turn, response)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, RemoteProtocolError, NoCredentials) as exc:
            raise broken(WHAT, exc) from exc

    async def _read(self, turn: Turn, response: httpx.Response) -> None:
        """Tell what the stream says, as it comes, to its end."""
        fold = TurnFold(turn.id)
        await follow(response, lambda event: self._told(fold.feed(event)))
        await self._told(fold.end())

    async def _told(self, bodies: Any) -> None:
        told: tuple[Body, ...] = tuple(bodies)
        self.has_ended = any(isinstance(body, ev.Waiting) and body.terminal == "end_turn" for body in told)
        if told:
            await self._hear(told)


async def follow(response: httpx.Response, tell: Callable[[Any], Awaitable[None]]) -> None:
    """Hand over a stream's events as they come, to the end of the stream.

    Raises:
        ErrorInStream: the service says that the stream is over.
        RemoteProtocolError: it is no event stream, or ends where it must not.
    """
    kind = response.headers.get("content-type", "")
    if not kind.startswith("application/vnd.amazon.eventstream"):
        raise RemoteProtocolError("the answer is not an event stream")
    decoder = FrameDecoder()
    async with unwinding(response.aiter_bytes()) as pieces:
        async for piece in pieces:
            decoder.feed(piece)
            while (frame := decoder.next_frame()) is not None:
                await tell(read_frame(frame))
    decoder.end()
