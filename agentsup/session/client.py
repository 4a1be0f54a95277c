"""`SessionRef`: what users hold of a session, and the only way to say something to it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import attrs

from agentsup import otp
from agentsup.ids import CallId, RequestId, SessionId
from agentsup.loop import messages as msg
from agentsup.loop.results import turns_of
from agentsup.session.actor import FromUser, GetDoubts, GetStatus, Tell
from agentsup.session.configuring import change_of
from agentsup.session.errors import SessionClosed
from agentsup.session.files import files_of
from agentsup.session.inputs import check_word, raw_event, request_of, word_of
from agentsup.session.life import Life
from agentsup.session.services import Services
from agentsup.session.status import Status, status_of
from agentsup.session.subscription import DEFAULT_BUFFER, Overflow, Subscription
from agentsup.session.text_stream import TextStream
from agentsup.talk.artifact import Artifact
from agentsup.talk.content import Input
from agentsup.talk.outcome import Outcome
from agentsup.talk.result import SessionResult, Turn
from agentsup.talk.tools import ToolResult, ToolUse

T = TypeVar("T")


@attrs.frozen(eq=False, repr=False)
class SessionRef:
    """The address of a session, for as long as the session lives; restarts of its task do not change it.

    Everything said through it is kept in the session's journal before it acts, so nothing is lost to a crash: a `submit` that waits while
    the session's task dies goes on waiting, and is answered by the next incarnation.
    """

    _life: Life
    _services: Services

    @property
    def id(self) -> SessionId:
        """The session's id: its name in the registry."""
        return self._life.session_id

    @property
    def address(self) -> otp.Name:
        """The session's name in the kernel: whoever is its present incarnation."""
        return otp.Name(self.id, self._services.names)

    @property
    def incarnation(self) -> otp.Ref | None:
        """The session's task as it is now; None between two of them, and when the session has ended."""
        task = self._life.task
        return task if task is not None and self._services.names.whereis(self.id) == task else None

    def __repr__(self) -> str:
        state = "closed" if self._life.ended is not None else "open"
        return f"<SessionRef {self.id!r} {state}>"

    async def submit(self, content: Input | Outcome) -> SessionResult:
        """Ask, and wait for the answer: the result at the request's terminal.

        Requests run one after another, in the order they were accepted. Cancelled while waiting, the request itself goes on.

        Raises:
            RequestFailed: we ended the request (time, turns, an interrupt, a refusal); it carries the partial result.
            SessionClosed: the session has ended.
            SpecError: the content cannot be sent.
            StoreError: the store cannot be written; nothing was taken on.
        """
        request = request_of(content)
        waiting = self._life.awaited.result(request.request_id)
        try:
            await self._submit(request)
            return await waiting.wait()
        finally:
            self._life.awaited.forget(request.request_id)

    async def message(self, content: Input | Outcome) -> RequestId:
        """Ask without waiting for the answer; returns once the request is durable, with its id.

        It goes to the end of the queue and has a terminal of its own, which subscribers see.

        Raises:
            SessionClosed: the session has ended, or is about to.
            SpecError: the content cannot be sent.
            StoreError: the store cannot be written; nothing was taken on.
        """
        request = request_of(content)
        await self._submit(request)
        return request.request_id

    async def follow_up(self, content: Input | Outcome) -> RequestId:
        """Ask, directly behind the running request and before what waits already; several go in the order in which they were said.

        Returns and raises as `message` does.
        """
        request = request_of(content, next=True)
        await self._submit(request)
        return request.request_id

    async def steer(self, content: Input) -> RequestId:
        """Say something to the running request; returns once it is durable.

        The agent hears it before its next model call, behind the results of tools that run. If it was about to finish, it works on. While
        no request runs, it is kept for the next one, whose first model call sees it.

        Raises:
            SessionClosed: the session has ended, or is about to.
            SpecError: the content cannot be sent.
            StoreError: the store cannot be written; nothing was taken on.
        """
        word = word_of(content)
        if not await self._tell(word):
            raise self._closing
        return word.message_id

    def stream(self, content: Input | Outcome) -> TextStream:
        """Ask, and iterate over the answer's text as it is produced: pieces that, joined, are the result's `text`.

        The request is made when the iteration begins. Leaving it early cancels nothing.
        """
        return TextStream(self, content)

    async def confirm(self, call_id: str, *, allow: bool, message: str | None = None) -> None:
        """Decide about a call that needs approval; with `allow=False` the message is what the model is told.

        Returns once the word is durable. The first one counts.

        Raises:
            NoSuchCall: no call of that id waits for a word (any more).
            SessionClosed: the session has ended.
            SpecError: the word is none.
        """
        check_word(call_id, allow=allow, message=message)
        await self._tell(msg.Confirm(CallId(call_id), allow, message))

    async def doubts(self) -> tuple[ToolUse, ...]:
        """The calls that a crash cut off while they ran, and about which a person is to say how it goes on (`SessionSpec.in_doubt`).

        A session that has left memory is woken for it only if it was in the middle of something.
        """
        life = self._life
        if life.ended is None and not life.abandoned and not life.is_awake and not (await life.peek()).has_work:
            return ()
        return await self._ask(lambda: otp.call(self.address, GetDoubts()))

    async def resolve(self, call_id: str, result: str | None = None, *, is_error: bool = False) -> None:
        """Say what a call in doubt came to; without a result it is run again.

        Raises:
            NoSuchCall: no call of that id is in doubt.
            SessionClosed: the session has ended.
            SpecError: the word is none.
        """
        check_word(call_id, result=result, is_error=is_error)
        answer = None if result is None else ToolResult(CallId(call_id), result, is_error)
        await self._tell(msg.Resolve(CallId(call_id), answer))

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send an event in the provider's own words, as it is; returns when the provider has it.

        It counts as no request: what it brings about is seen by subscribers, and joins a running request's result.

        Raises:
            ProviderFailed: the provider refused it.
            SessionClosed: the session has ended.
            SpecError: it is no mapping with a `type`, or JSON cannot say it.
        """
        raw = raw_event(event)
        key = f"raw:{uuid.uuid4().hex}"
        await self._deliver(msg.SendRaw(key, raw))

    async def configure(self, **options: Any) -> None:
        """Change the session's limits, or what its agent has otherwise, from its next model call on; what is not named stays as it is.

        `limits=` (`Limits`) takes the place of the spec's as a whole, for every provider; the running request comes under them at once. The
        other options are the provider's: at Claude Managed Agents `title`, `metadata`, `budget`, and, while the agent rests, `tools` and
        `mcp_servers`; at Bedrock AgentCore all that `overrides` has, where None takes back what was configured. What was configured is
        kept, also over a restart of the process.

        Returns when it is durable and, where the provider is to keep it, when the provider has it.

        Raises:
            ProviderFailed: the provider refused it.
            SessionClosed: the session has ended, or is about to.
            SpecError: an option is unknown or cannot be used; all of them are named, and what can be configured. Nothing was changed.
            StoreError: the store cannot be written; nothing was changed.
        """
        change = change_of(self._life.spec, f"options:{uuid.uuid4().hex}", options)
        if change.sent:
            await self._deliver(change)
        elif not await self._tell(change):
            raise self._closing

    async def interrupt(self) -> None:
        """Stop the running request, here and at the provider; the session lives on. Does nothing if none is running and the agent rests.

        At a provider without a history an agent whose last turn broke off may be at work unheard, or wait for calls that nobody heard of and
        refuse every message; this stops it then.

        Raises:
            SessionClosed: the session has ended.
        """
        await self._tell(msg.Interrupt())

    async def info(self) -> Status:
        """How the session is; answers at once, whatever it is doing, also of a session that has ended. A passivated one is not woken.

        Raises:
            SessionClosed: its runtime was left.
        """
        life = self._life
        if life.ended is None and life.is_awake:
            return await self._ask(lambda: otp.call(self.address, GetStatus()))
        if life.ended is None:
            life.check_open()
        return status_of(await life.peek(), life.session_id)

    async def history(self) -> tuple[Turn, ...]:
        """The session's finished turns, oldest first; also of a session that has ended."""
        return turns_of([entry.body async for entry in self._life.entries()])

    async def files(self) -> tuple[Artifact, ...]:
        """The session's files at its provider: what the agent wrote, and what was put there for it; also of a session that has ended.

        One for each name, the newest; in order of age, the newest first. A provider without files gives none. What an agent writes shows
        a moment later. `agentsup.Artifacts` fetches them.

        Raises:
            ProviderFailed: the provider refused to list them, or stayed out of reach.
            SessionClosed: its runtime was left.
        """
        provider_session_id = (await self.info()).provider_session_id
        if provider_session_id is None:
            return ()
        return await files_of(self._life, self._services, provider_session_id)

    def subscribe(
        self, *, after: int | None = None, buffer: int = DEFAULT_BUFFER, overflow: Overflow = "drop_oldest"
    ) -> Subscription:
        """The session's events: `async with` it, then `async for`; it ends after the session's last event.

        Args:
            after: A cursor: what is behind it is replayed, then what happens is shown live, without gap or double. 0 is from the start,
                None from now on.
            buffer: Events the subscriber may be behind.
            overflow: What happens when it is further behind: see `agentsup.session.subscription`.

        Raises:
            SpecError: an option cannot be used.
        """
        return self._life.subscribe(after=after, buffer=buffer, overflow=overflow)

    async def close(self) -> None:
        """End the session once the running request is over; what is queued behind it ends with `RequestClosed`.

        Returns when the session has ended; closing one that has is fine. The provider's session is neither archived nor deleted.
        """
        await self._end(msg.Close())

    async def abort(self) -> None:
        """End the session now: the running request is stopped, here and at the provider, and ends with `RequestClosed`."""
        await self._end(msg.Abort())

    # --- private -------------------------------------------------------------------------------------------------------------

    async def _submit(self, request: msg.Submit) -> None:
        if not await self._tell(request):
            raise self._closing

    async def _deliver(self, message: msg.SendRaw | msg.Configure) -> None:
        """Say it, and wait until the provider has it."""
        waiting = self._life.awaited.delivery(message.key)
        try:
            if not await self._tell(message):
                raise self._closing
            await waiting.wait()
        finally:
            self._life.awaited.forget(message.key)

    @property
    def _closing(self) -> SessionClosed:
        return SessionClosed(f"the session {self.id!r} is closing: it takes nothing more")

    async def _end(self, message: msg.Close | msg.Abort) -> None:
        life, incarnation = self._life, self.incarnation
        if life.ended is None and not life.abandoned:
            await self._tell(message)
        while life.ended is None and not life.abandoned:
            incarnation = self.incarnation or incarnation
            await life.change()
        if incarnation is not None:
            await otp.wait_down(incarnation)  # what it still tells the provider is told when it is down

    async def _tell(self, message: FromUser) -> bool:
        return await self._ask(lambda: otp.call(self.address, Tell(message), timeout=None))

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask whichever incarnation there is. Between two of them wait for the next: every message can be repeated safely."""
        life = self._life
        while True:
            life.check_open()
            asked = life.incarnation
            if not life.is_awake:
                await self._services.thaw(life)
            try:
                return await ask()
            except (otp.NoProc, otp.ServerDied):
                while life.incarnation == asked and life.is_awake and life.ended is None and not life.abandoned:
                    await life.change()
