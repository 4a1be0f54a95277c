"""The other side in pure Python: an agent at a provider, and the world of cuts and crashes between it and the session machine."""

from __future__ import annotations

from collections import Counter, deque

import attrs

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.fold import fold, initial
from agentsup.loop.state import Link, Now, Rules
from agentsup.loop.step import step
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.outgoing import GiveResult, SayMessage, SayStop
from agentsup.talk.tools import ToolResult, ToolUse
from agentsup.talk.usage import Usage


class RefusedError(Exception):
    """The provider takes none of what was sent."""


@attrs.define(eq=False)
class Turn:
    """What the agent does about one message: so many batches of calls, then an answer."""

    request_id: str
    batches: deque[int]
    open: list[str] = attrs.field(factory=list)
    answered: int = 0
    begun: bool = False


class Agent:
    """One session at the provider. Inputs queue; a queued input is shown when it is taken and again when its turn comes."""

    def __init__(self, *, stale: bool = False) -> None:
        self.done: list[ev.Heard] = []
        self.waiting: list[ev.Heard] = []
        self.shown: list[ev.Heard] = []
        self.inbox: deque[tuple[SayMessage, ev.Heard | None]] = deque()
        self.stops: list[ev.Heard] = []
        self.turn: Turn | None = None
        self.messages: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.finished: set[str] = set()
        self.asked: list[list[str]] = []
        self.refusals = 0
        self._stale = stale
        self._ids = 0

    def history(self) -> list[ev.Heard]:
        """What a listing gives: processed events, then the queued inputs."""
        return [*self.done, *self.waiting]

    # --- inputs ---

    def take(self, items) -> None:
        """All or nothing, in order."""
        calls = [item.result.call_id for item in items if isinstance(item, GiveResult)]
        wanted = self.turn.open if self.turn is not None else []
        if any(call not in wanted for call in calls) or len(set(calls)) < len(calls):
            self.refusals += 1
            raise RefusedError
        for item in items:
            self._take(item)
        if calls and self.turn is not None:
            if self.turn.open:
                self._require_action()
            else:
                self._publish(ev.Working)

    def _take(self, item) -> None:
        match item:
            case SayMessage():
                self.messages[item.request_id] += 1
                echo = {"kind": "message", "text": item.text}
                waits = self.turn is not None or bool(self.inbox)
                kept = self._wait(ev.Echoed, queued=True, **echo) if waits else self._publish(ev.Echoed, **echo)
                self.inbox.append((item, kept))
            case GiveResult(result):
                self.results[result.call_id] += 1
                self.turn.open.remove(result.call_id)
                self._publish(ev.Echoed, kind="result", call_id=result.call_id)
            case SayStop():
                if self.turn is None and not self.inbox:
                    self._publish(ev.Echoed, kind="interrupt")
                else:
                    self.stops.append(self._wait(ev.Echoed, kind="interrupt"))

    # --- work ---

    @property
    def can_work(self) -> bool:
        if self.turn is None:
            return bool(self.inbox)
        return bool(self.stops) or not self.turn.open

    def work(self) -> None:
        """One thing after the other."""
        if self.turn is None:
            item, echo = self.inbox.popleft()
            if echo in self.waiting:
                self._settle(echo)
            self.turn = Turn(item.request_id, deque(int(c) for c in item.text if c.isdigit()))
            self._publish(ev.Working)
        elif self.stops:
            self._publish(ev.Measured, usage=Usage(1, 1))
            self._rest()
        elif self.turn.batches:
            for place in range(self.turn.batches.popleft()):
                call = f"call-{self._ids + 1}"
                self.turn.open.append(call)
                self._publish(ev.ToolAsked, id=call, use=ToolUse(call, "tool" if place % 2 else "pure_tool", {}))
            self._publish(ev.Measured, usage=Usage(1, 1))
            if self.turn.open:
                self._require_action()
        else:
            self._publish(ev.Said, text="answer")
            self.finished.add(self.turn.request_id)
            self._rest()

    def _rest(self) -> None:
        self.turn = None
        for stop in self.stops:
            self._settle(stop)
        self.stops.clear()
        self._publish(ev.Waiting, terminal="end_turn", stop_reason={"type": "end_turn"})

    def _require_action(self) -> None:
        asked = tuple(self.turn.open)
        self.asked.append(list(asked))
        self._publish(ev.Waiting, terminal="requires_action", stop_reason={}, asked=asked)

    def repeat_idle(self) -> None:
        """A stale idle: names calls that may be answered already."""
        if self.asked and self.turn is not None and not self.turn.batches:
            self._publish(ev.Waiting, terminal="requires_action", stop_reason={}, asked=tuple(self.asked[-1]))

    # --- telling ---

    def _make(self, kind, /, **fields):
        self._ids += 1
        event_id = fields.pop("id", f"event-{self._ids}")
        return kind(id=event_id, raw={"id": event_id, "type": kind.type}, **fields)

    def _publish(self, kind, /, **fields):
        event = self._make(kind, **fields)
        self.done.append(event)
        self.shown.append(event)
        return event

    def _wait(self, kind, /, **fields):
        event = self._make(kind, **fields)
        self.waiting.append(event)
        self.shown.append(event)
        return event

    def _settle(self, event) -> None:
        self.waiting.remove(event)
        settled = attrs.evolve(event, queued=False)
        self.done.append(settled)
        self.shown.append(settled)


@attrs.define(eq=False)
class Flight:
    """A POST on its way."""

    items: tuple
    landed: bool = False
    refused: bool = False


@attrs.define(eq=False)
class Stream:
    """A connection: waits, is open from a place in what is shown on, has the history, is live."""

    place: int | None = None
    listed: bool = False
    attached: bool = False


class World:
    """Performs what `step` decides, as badly as the network allows, and checks on the way what must always hold."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules(effects={"pure_tool": "pure"}, timeout=None, max_turns=1000, max_open_attempts=None)
        self.agent = Agent()
        self.state = initial(self.rules)
        self.journal: list[ev.Kept] = []
        self.seen: set[str] = set()
        self.delivered: set[str] = set()
        self.opening: list[fx.Open] = []
        self.created = 0
        self.stream: Stream | None = None
        self.flights: list[Flight] = []
        self.tools: list[ToolUse] = []
        self.ran: Counter[str] = Counter()
        self.ran_now: Counter[str] = Counter()
        self.unsafe_runs: Counter[str] = Counter()
        self.submitted: list[str] = []
        self.tell(msg.Start("token"))

    # --- the session's side ---

    def tell(self, message) -> None:
        result = step(self.state, message)
        self.state = result.state
        for event in result.events:
            self.journal.append(event)
            self._check_event(event)
        for effect in result.effects:
            self._check_effect(effect)
            self._perform(effect)

    def check_fold(self) -> None:
        """The fold of the journal is the live state, but for what is of this incarnation only."""
        folded = fold(initial(self.rules), self.journal)
        assert attrs.evolve(self.state, now=Now()) == folded

    def _check_event(self, event) -> None:
        match event:
            case ev.Delivered(keys=keys):
                assert not self.delivered & set(keys), "delivered twice"
                self.delivered |= set(keys)
            case ev.RequestEnded(request_id=request_id, failure=None):
                assert request_id in self.agent.finished, f"{request_id} ended before the agent was done with it"

    def _check_effect(self, effect) -> None:
        match effect:
            case fx.Post(items):
                assert self.state.link in (Link.ATTACHED, Link.GONE)
                keys = [item.key for item in items]
                assert not self.delivered & set(keys), "sent again after it was delivered"
                assert not self.flights or self.state.ended, "two POSTs at once"
                assert self.state.now.posting or self.state.ended
                order = [item.result.call_id for item in items if isinstance(item, GiveResult)]
                for asked in self.agent.asked:
                    places = [asked.index(call) for call in order if call in asked]
                    assert places == sorted(places), "not in the order of the question"
            case fx.RunTool(use):
                self.ran_now[use.call_id] += 1
                assert self.ran_now[use.call_id] == 1, "run twice in one incarnation"
                if use.name == "tool":
                    self.unsafe_runs[use.call_id] += 1
                    assert self.unsafe_runs[use.call_id] == 1, "an unsafe tool ran twice"

    def _perform(self, effect) -> None:
        match effect:
            case fx.Open():
                self.opening.append(effect)
            case fx.Attach():
                self.stream = Stream()
            case fx.Detach():
                self.stream = None
            case fx.Post(items):
                self.flights.append(Flight(items))
            case fx.RunTool(use):
                self.tools.append(use)
            case fx.CancelTools(call_ids):
                self.tools = [use for use in self.tools if use.call_id not in call_ids]

    # --- what may happen ---

    def submit(self, text: str) -> None:
        request_id = f"r{len(self.submitted) + 1}"
        self.submitted.append(request_id)
        self.tell(msg.Submit(request_id, (Text(text),)))

    def open(self) -> None:
        self.opening.pop()
        self.created += 1
        self.tell(msg.Opened("sesn"))

    def open_stream(self) -> None:
        self.stream.place = len(self.agent.shown)

    def list_history(self) -> None:
        self.stream.listed = True
        self._hear(self.agent.history())

    def attached(self) -> None:
        self.stream.attached = True
        self.tell(msg.Attached())

    def hear(self, count: int = 1) -> None:
        place = self.stream.place
        news = self.agent.shown[place : place + count]
        self.stream.place += len(news)
        self._hear(news)

    def _hear(self, events) -> None:
        fresh = []
        for event in events:
            if event.sighting is None or not self.seen & {event.sighting, event.id}:
                self.seen.add(event.sighting)
                fresh.append(event)
        if fresh:
            self.tell(msg.News(tuple(fresh)))

    def cut(self) -> None:
        self.stream = None
        self.tell(msg.Lost("cut"))

    def land(self) -> None:
        flight = self.flights[0]
        flight.landed = True
        try:
            self.agent.take(flight.items)
        except RefusedError:
            flight.refused = True

    def answer(self) -> None:
        flight = self.flights.pop(0)
        if flight.refused:
            failure = ev.Failure(kind="provider", message="refused", status=400)
            self.tell(msg.Refused(failure, fatal=False))
        else:
            self.tell(msg.Posted(tuple(item.key for item in flight.items)))

    def lose_answer(self) -> None:
        self.flights.pop(0)
        self.tell(msg.Unanswered("no answer"))

    def finish_tool(self) -> None:
        use = self.tools.pop()
        self.tell(msg.ToolDone(ToolResult(use.call_id, "result")))

    def crash(self) -> None:
        """The task dies: what it had under way is gone, what it kept is not."""
        self.check_fold()
        self.flights.clear()
        self.tools.clear()
        self.opening.clear()
        self.stream = None
        self.ran_now.clear()
        self.state = fold(initial(self.rules), self.journal)
        self.tell(msg.Revive("crash"))

    # --- choosing ---

    def choices(self, *, cuts: bool, crashes: bool, stops: bool) -> list:
        """What may happen next; ordered, so that a number picks one. Progress comes first."""
        if self.state.ended is not None:
            return []
        found = list(self.progress())
        stream = self.stream
        if cuts:
            if stream is not None and stream.place is not None:
                found.append(self.cut)
            if self.flights and not (self.flights[0].landed and self.flights[0].refused):
                found.append(self.lose_answer)
        if crashes and not self.opening:
            found.append(self.crash)
        if stops and self.state.current is not None:
            found.append(lambda: self.tell(msg.Interrupt()))
        if self.agent.turn is not None:
            found.append(self.agent.repeat_idle)
        return found

    def progress(self):
        """What brings the work on."""
        stream = self.stream
        if self.opening:
            yield self.open
        if stream is not None:
            if stream.place is None:
                yield self.open_stream
            elif not stream.listed:
                yield self.list_history
            elif not stream.attached:
                yield self.attached
            elif stream.place < len(self.agent.shown):
                yield self.hear
        if self.flights:
            yield self.answer if self.flights[0].landed else self.land
        if self.tools:
            yield self.finish_tool
        if self.agent.can_work:
            yield self.agent.work

    def settle(self) -> None:
        """Let everything come to its end, without further trouble."""
        for _ in range(5000):
            nxt = next(iter(self.progress()), None)
            if nxt is None or self.state.ended is not None:
                return
            nxt()
        raise AssertionError("it goes on for ever")

    def ends(self) -> Counter[str]:
        return Counter(event.request_id for event in self.journal if isinstance(event, ev.RequestEnded))

    def failures(self) -> dict:
        return {e.request_id: e.failure for e in self.journal if isinstance(e, ev.RequestEnded)}
