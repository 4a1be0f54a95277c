"""The actor that owns an endpoint's connections: the driver with its HTTP client, and the nursery of every open stream.

Sessions do not hold streams. They ask their endpoint to follow their provider session, and hear of it in their mailbox; when a session's
task dies its stream is closed, and when the endpoint's task dies its sessions hear of that and ask again.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeAlias

import attrs
import structlog
import trio

from agentsup import otp
from agentsup.otp.reports import frames
from agentsup.providers.base import Bodies, Driver, Provider, Rejected, Seen, Unavailable
from agentsup.providers.feed import Feed
from agentsup.talk.events import Heard

_log = structlog.get_logger("agentsup.providers")


@attrs.frozen
class GetDriver(otp.Request[Driver]):
    """The driver, for requests the asker makes in a task of its own."""


@attrs.frozen
class Follow(otp.Request[None]):
    """Follow a provider session's events, in place of whatever is followed for this owner so far."""

    owner: otp.Ref
    provider_session_id: str
    heartbeat: float
    generation: int
    """Given back with everything that is heard of the stream itself, so that news of an older one is told apart."""

    seen: Seen | None = None
    """What the owner has of the history; None lists all of it."""

    known: Known | None = None
    """Asked about the history's events; those that are known are not told again."""


@attrs.frozen
class Unfollow:
    """Stop following for this owner."""

    owner: otp.Ref


@attrs.frozen
class CaughtUp:
    """To the owner: everything missed has been told; what comes now is live."""

    generation: int


@attrs.frozen
class StreamEnded:
    """To the owner: the stream is over, and why."""

    generation: int
    why: Unavailable | Rejected


class Endpoint(otp.Actor):
    """Owns one endpoint's driver and all streams opened through it."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._driver: Driver
        self._streams: dict[otp.Ref, _Stream] = {}

    def init(self) -> otp.Continue:
        """Make the driver; it opens connections when they are needed."""
        self._driver = self._provider.connect()
        self.spawn(self._keep)
        return otp.Continue()

    def handle_continue(self, arg: None) -> otp.NoReply:
        """Whoever had this started may be gone: then nobody will ever ask."""
        return otp.NoReply(timeout=self._patience)

    def handle_call(self, request: GetDriver | Follow, caller: otp.Caller) -> otp.Reply:
        """Hand out the driver, or follow a session."""
        match request:
            case GetDriver():
                return otp.Reply(self._driver, timeout=self._patience)
            case Follow():
                self._follow(request)
                return otp.Reply(None)

    def handle_cast(self, message: Unfollow) -> otp.NoReply:
        """Stop following a session."""
        self._unfollow(message.owner)
        return otp.NoReply(timeout=self._patience)

    def handle_info(self, message: Any) -> otp.NoReply | otp.Stop:
        """A session's task is gone: so is its stream. Or nobody has asked for anything for a while: then neither is this needed."""
        if isinstance(message, otp.Idle) and not self._streams:
            return otp.Stop()
        if isinstance(message, otp.Down):
            self._unfollow(message.ref)
        return otp.NoReply(timeout=self._patience)

    @property
    def _patience(self) -> float | None:
        """Seconds without a word after which this is over; None while it holds streams."""
        return None if self._streams else UNUSED_FOR

    def _follow(self, request: Follow) -> None:
        known = self._streams.get(request.owner)
        if known is None:
            self.monitor(request.owner)
        else:
            known.scope.cancel()
        stream = self._streams[request.owner] = _Stream(request, after=known)
        self.spawn(stream.run, self._driver)

    def _unfollow(self, owner: otp.Ref) -> None:
        stream = self._streams.pop(owner, None)
        if stream is not None:
            stream.scope.cancel()

    async def _keep(self) -> None:
        """The driver's connections live in this task and are closed when it ends, however that comes about."""
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_BUDGET):
                await self._driver.aclose()


UNUSED_FOR = 60.0
"""Seconds an endpoint without streams is kept. A service with a key per customer would otherwise keep a client for each it ever had."""

CLOSE_BUDGET = 2.0
"""Seconds for closing idle connections; a peer that does not say goodbye is not waited for longer."""

Tell: TypeAlias = Callable[[Any], Awaitable[None]]


Known: TypeAlias = Callable[[Collection[Heard]], Awaitable[set[str]]]
"""Which of these events' ids and sightings the session has already."""


class _Unknown:
    """What a stream tells while its history is being read, without what the session has already; then all of it."""

    def __init__(self, feed: Feed, known: Known | None) -> None:
        self._feed = feed
        self._known = known
        self.is_over = False

    async def put(self, bodies: Bodies) -> None:
        """Pass on what is not known."""
        if not self.is_over and self._known is not None:
            heard = [body for body in bodies if isinstance(body, Heard)]
            known = await self._known(heard)
            bodies = tuple(b for b in bodies if not isinstance(b, Heard) or not known.intersection((b.id, b.sighting)))
        await self._feed.put(bodies)


class _Stream:
    """One followed session, in a task of its own."""

    def __init__(self, request: Follow, *, after: _Stream | None) -> None:
        self._request = request
        self._after = after
        self._over = trio.Event()
        self.scope = trio.CancelScope()

    async def run(self, driver: Driver) -> None:
        """Follow until the stream ends, and say why it did."""
        try:
            with self.scope:
                if self._after is not None:
                    await self._after.wait()
                    self._after = None
                why = await self._attach(driver)
                await self._tell(StreamEnded(self._request.generation, why))
        except otp.NoProc:
            pass  # the owner is gone, and nobody is left to tell
        finally:
            self._over.set()

    async def wait(self) -> None:
        """Wait until nothing more is told by this stream."""
        await self._over.wait()

    async def _attach(self, driver: Driver) -> Unavailable | Rejected:
        request = self._request
        feed = Feed(request.owner)
        history = _Unknown(feed, request.known)
        heartbeat = request.heartbeat if math.isfinite(request.heartbeat) else 1e9

        async def caught_up() -> None:
            history.is_over = True
            await self._tell(CaughtUp(request.generation))

        try:
            await driver.attach(
                request.provider_session_id,
                hear=history.put,
                caught_up=caught_up,
                heartbeat=heartbeat,
                seen=request.seen,
            )
        except (Unavailable, Rejected) as exc:
            return exc
        except otp.NoProc:
            raise
        except Exception as exc:  # noqa: BLE001  -- the border of one session
            # Between one session's stream and everybody else's: a driver's bug ends this stream, not the endpoint.
            # Without its text and its frames' locals: a key, or what was said, may stand in either.
            _log.error(
                "stream.failed",
                provider_session_id=request.provider_session_id,
                error=type(exc).__name__,
                frames=frames(exc),
            )
            return Unavailable(f"the stream failed here ({type(exc).__name__})")
        return Unavailable("the stream ended")

    async def _tell(self, message: CaughtUp | StreamEnded) -> None:
        await otp.send(self._request.owner, message)
