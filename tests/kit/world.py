"""The world of cuts, crashes and people between the session machine and a provider's agent."""

from __future__ import annotations

from collections import Counter

import attrs

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.fold import apply, fold, initial
from agentsup.loop.results import result_of, turns_of
from agentsup.loop.rules import Rules
from agentsup.loop.state import Link, Now
from agentsup.loop.step import step
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.limits import Limits
from agentsup.talk.outcome import Outcome
from agentsup.talk.outgoing import SayRaw, goes_alone
from agentsup.talk.tools import ToolResult, ToolUse
from tests.kit.agent import Agent, RefusedError

OVER = (ev.Delivered, ev.Withdrawn)

NOT_ASKED_FOR = (msg.News, msg.Attached, msg.Posted, msg.Unanswered, msg.Refused, msg.ToolDone, msg.Judged, msg.Confirm)
"""Messages that are lost with the process that hears them, and whose news comes again."""

EFFECTS = {"pure_tool": "pure", "finish": "idempotent"}
"""The effect classes of the agent's tools; the others are unsafe."""


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


@attrs.frozen(kw_only=True)
class Trouble:
    """What may go wrong, or be said, besides the work itself."""

    cuts: bool = True
    crashes: bool = False
    stops: bool = False
    words: bool = False
    """Words that join requests, and events in the provider's own words."""

    denials: bool = False
    strangers: bool = False
    """Somebody else answers calls as well, and words are refused."""

    halts: bool = False
    ends: bool = False
    """Threads end while their calls are open."""

    changes: bool = False
    """Limits and options are changed."""

    naps: bool = False
    """The session leaves memory where it may, and comes back."""


class World:
    """Performs what `step` decides, as badly as the network allows, and checks on the way what must always hold."""

    def __init__(self, rules: Rules | None = None, agent: Agent | None = None) -> None:
        self.rules = rules or Rules(timeout=None, max_turns=1000, max_open_attempts=None, effects=EFFECTS)
        self.agent = agent or Agent()
        self.state = initial(self.rules)
        self.journal: list[ev.Kept] = []
        self.seen: set[str] = set()
        self.gone: set[str] = set()
        """Keys of what was delivered or withdrawn: nothing of it may happen to them again."""
        self.opening: list[fx.Open] = []
        self.created = 0
        self.stream: Stream | None = None
        self.flights: list[Flight] = []
        self.tools: list[ToolUse] = []
        self.asking: list[ToolUse] = []
        self.judging: list[fx.Judge] = []
        self.clocks: dict[str, bool] = {}
        """Requests whose time is counted, and whether it runs."""
        self.rests: list[str] = []
        """Interrupts whose rest is waited for."""
        self.ran: Counter[str] = Counter()
        self.ran_now: Counter[str] = Counter()
        self.again: Counter[str] = Counter()
        """How often a person said that the call may run again."""
        self.judged: Counter[tuple[str, int]] = Counter()
        self.torn: int | None = None
        """The process is about to die with so many events of the next step kept (a step is kept wholly or not at all), and none of its
        effects performed."""
        self.submitted: list[str] = []
        self.steered: list[str] = []
        self.raws: list[str] = []
        self.changed: list[int] = []
        self.tell(msg.Start("token"))

    # --- the session's side ---

    def tell(self, message) -> None:
        before, result = self.state, step(self.state, message)
        if self.torn is not None and isinstance(message, NOT_ASKED_FOR):
            self.journal += result.events[: self.torn]
            self.crash()
            return
        self.state = result.state
        for event in result.events:
            self.journal.append(event)
            self._check_event(before, event)
            before = apply(before, event)
        assert attrs.evolve(before, now=Now()) == attrs.evolve(result.state, now=Now())
        for effect in result.effects:
            self._check_effect(effect)
            self._perform(effect)
        self._check_clock()

    def check_fold(self) -> None:
        """The fold of the journal is the live state, but for what is of this incarnation only."""
        folded = fold(initial(self.rules), self.journal)
        assert attrs.evolve(self.state, now=Now()) == folded

    def _check_event(self, before, event) -> None:
        match event:
            case ev.Delivered(keys=keys) | ev.Withdrawn(keys=keys):
                assert not self.gone & set(keys), "delivered or withdrawn twice"
                self.gone |= set(keys)
            case ev.Passivated():
                unheard_of = any(isinstance(sent.item, SayRaw) for sent in before.unheard)
                assert self.agent.rests or unheard_of, "left memory while the agent worked"
            case ev.ToolStarted(call_id=call_id, name=name) if name in self.rules.gated:
                leave = before.calls[call_id].leave
                assert leave is not None
                assert leave.allow, "ran without leave"
            case ev.TurnJudged(turn=turn):
                self.judged[before.current.id, turn] += 1
                assert self.judged[before.current.id, turn] == 1, "judged twice"
            case ev.RequestEnded() if before.current is not None and before.current.id == event.request_id:
                self._check_end(before, event)

    def _check_end(self, before, end: ev.RequestEnded) -> None:
        current = before.current
        result = self.result(end.request_id)
        assert result.turns == current.turns, "the result counts other turns than the machine"
        assert result.usage.total == current.spent.total
        halted = end.failure is not None and end.failure.kind in ("halted", "budget")
        if end.failure is None and end.terminal == "end_turn":
            said = [f"message:{end.request_id}", *self.joined(end.request_id)]
            assert self.agent.finished.issuperset(said), "ended before the agent was done with it"
        if self.rules.judged and (end.failure is None or halted):
            for turn in range(1, (current.halt.turn if halted else current.turns) + 1):
                assert self.judged[end.request_id, turn] == 1, "a turn was not judged"
        if end.failure is not None and "turns" in end.failure.message and not self.steered:
            assert current.turns == self.rules.max_turns
        if self.rules.terminal_tool and end.failure is None and end.terminal == "end_turn":
            concluded = any(use.name == self.rules.terminal_tool for use in result.tool_uses)
            assert (end.stop_reason == "no_terminal_tool") is not concluded

    def joined(self, request_id: str) -> list[str]:
        """Keys of the words that joined the request as messages of their own and were not withdrawn."""
        withdrawn = {key for event in self.journal if isinstance(event, ev.Withdrawn) for key in event.keys}
        keys, started = [], None
        for event in self.journal:
            match event:
                case ev.RequestStarted():
                    started = event.request_id
                case ev.RequestEnded() if event.request_id == started:
                    started = None
                case ev.Steered() | ev.Directed() if started == request_id:
                    key = f"message:{event.message_id}"
                    if key in self.gone and key not in withdrawn:
                        keys.append(key)
        return keys

    def _check_effect(self, effect) -> None:
        match effect:
            case fx.Post(items):
                assert self.state.link in (Link.ATTACHED, Link.GONE)
                keys = [item.key for item in items]
                assert not self.gone & set(keys), "sent again after it was delivered or withdrawn"
                assert not self.flights or self.state.ended, "two POSTs at once"
                assert self.state.now.posting or self.state.ended
                order = [key.partition(":")[2] for key in keys if key.startswith(("result:", "leave:"))]
                for asked in self.agent.asked:
                    places = [asked.index(call) for call in order if call in asked]
                    assert places == sorted(places), "not in the order of the question"
                if any(goes_alone(item) for item in items):
                    assert len(keys) == 1, "what goes alone went with others"
                answers = [place for place, key in enumerate(keys) if key.startswith(("result:", "leave:"))]
                words = [place for place, key in enumerate(keys) if key.startswith("message:")]
                assert not (answers and words) or max(answers) < min(words), "a word before the results"
            case fx.RunTool(use):
                self.ran_now[use.call_id] += 1
                self.ran[use.call_id] += 1
                assert self.ran_now[use.call_id] <= 1 + self.again[use.call_id], "run twice in one incarnation"
                if self.rules.effects.get(use.name, "unsafe") == "unsafe":
                    assert self.ran[use.call_id] <= 1 + self.again[use.call_id], "an unsafe tool ran twice"
            case fx.Judge(request_id, turn):
                assert self.judged[request_id, turn] == 0

    def _perform(self, effect) -> None:  # noqa: C901  -- one clause per effect is the point
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
            case fx.AskApproval(use):
                assert use.call_id not in [asked.call_id for asked in self.asking]
                self.asking.append(use)
            case fx.Judge():
                self.judging.append(effect)
            case fx.StartTimer(request_id):
                self.clocks[request_id] = True
            case fx.PauseTimer(request_id):
                assert self.clocks[request_id]
                self.clocks[request_id] = False
            case fx.ResumeTimer(request_id):
                assert not self.clocks[request_id]
                self.clocks[request_id] = True
            case fx.ChangeTimer(request_id, seconds, stands):
                if seconds is None:
                    self.clocks.pop(request_id)
                else:
                    self.clocks.setdefault(request_id, not stands)
            case fx.CancelTimer(request_id):
                self.clocks.pop(request_id, None)
            case fx.AwaitRest(key):
                self.rests.append(key)

    def _check_clock(self) -> None:
        """The running request's time is counted, and stands still exactly while a person is waited for."""
        current = self.state.current
        if self.state.rules.timeout is None or current is None or self.state.ended:
            assert not self.clocks or self.state.ended
        else:
            assert self.clocks == {current.id: not self.state.waits_for_person}

    # --- what people do ---

    def submit(self, text: str, *, outcome: bool = False, next: bool = False) -> None:
        request_id = f"r{len(self.submitted) + 1}"
        self.submitted.append(request_id)
        self.wake()
        if outcome:
            self.tell(msg.Submit(request_id, (), Outcome(text, "good"), next))
        else:
            self.tell(msg.Submit(request_id, (Text(text),), None, next))

    def steer(self, text: str = "go") -> None:
        message_id = f"s{len(self.steered) + 1}"
        self.steered.append(message_id)
        self.wake()
        self.tell(msg.Steer(message_id, (Text(text),)))

    def send_raw(self, text: str = "go") -> None:
        key = f"raw:{len(self.raws) + 1}"
        self.raws.append(key)
        self.wake()
        self.tell(msg.SendRaw(key, {"said": "by hand", "text": text}))

    def change(self) -> None:
        number = len(self.changed) + 1
        self.changed.append(number)
        self.wake()
        limits = Limits(max_turns=1000, timeout=None if number % 2 else 600.0)
        self.tell(msg.Configure(f"options:{number}", limits, {"number": number}, sent=True))

    def nap(self) -> None:
        self.tell(msg.Passivate())

    def wake(self) -> None:
        if self.state.asleep:
            self.tell(msg.Revive("wanted", crashed=False))

    # --- what may happen ---

    def open(self) -> None:
        self.opening.pop()
        self.created += 1
        self.tell(msg.Opened("sesn"))

    def open_stream(self) -> None:
        self.stream.place = len(self.agent.shown)

    def list_history(self) -> None:
        self.stream.listed = True
        self._hear(self.agent.history(self.seen, waiting=bool(self.state.doubted)))

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

    def decide(self, *, allow: bool = True) -> None:
        """The policy says something."""
        self.tell(msg.Confirm(self.asking.pop(0).call_id, allow=allow, by="policy"))

    def leave_undecided(self) -> None:
        self.tell(msg.Undecided(self.asking.pop(0).call_id))

    def confirm(self, *, allow: bool = True) -> None:
        """A person says something about the first call that waits for it."""
        self.tell(msg.Confirm(self.pending[0], allow=allow))

    @property
    def pending(self) -> list[str]:
        return [call_id for call_id, call in self.state.calls.items() if call.needs_person and not call.doubt]

    @property
    def doubts(self) -> list[str]:
        return [call_id for call_id, call in self.state.calls.items() if call.needs_person and call.doubt]

    def resolve(self, *, again: bool = False) -> None:
        call_id = self.doubts[0]
        self.again[call_id] += again
        self.tell(msg.Resolve(call_id, None if again else ToolResult(call_id, "by hand")))

    def judge(self, *, halt: bool = False) -> None:
        question = self.judging.pop(0)
        self.tell(msg.Judged(question.request_id, question.turn, halt="enough" if halt else None))

    def rest_overdue(self) -> None:
        self.tell(msg.RestOverdue(self.rests.pop(0)))

    def crash(self, *, crashed: bool = True) -> None:
        """The task, or the process, dies: what it had under way is gone, what it kept is not."""
        self.torn = None
        for lost in (self.flights, self.tools, self.opening, self.asking, self.judging, self.rests):
            lost.clear()
        self.clocks.clear()
        self.stream = None
        self.ran_now.clear()
        self.again = Counter({call_id: self.ran[call_id] + 1 for call_id in self.again if self.again[call_id]})
        heard = [event for event in self.journal if isinstance(event, ev.Heard)]
        self.seen = {event.sighting for event in heard if event.sighting is not None}
        self.gone = {key for event in self.journal if isinstance(event, OVER) for key in event.keys}
        self.judged = Counter(self._judged_turns())
        self.state = fold(initial(self.rules), self.journal)
        self.tell(msg.Revive("died", crashed=crashed))

    def _judged_turns(self) -> set:
        """Which turns of which request were judged, by the journal."""
        found, running = set(), None
        for event in self.journal:
            match event:
                case ev.RequestStarted():
                    running = event.request_id
                case ev.TurnJudged(turn=turn):
                    found.add((running, turn))
        return found

    def tear(self, kept: int | None = 0) -> None:
        """The next step is not kept, or (None) kept without its effects being performed."""
        self.torn = 1000 if kept is None else kept

    # --- choosing ---

    def choices(self, trouble: Trouble) -> list:  # noqa: C901  -- one line per kind of trouble
        """What may happen next; ordered, so that a number picks one. Progress comes first."""
        if self.state.ended is not None:
            return []
        if self.state.asleep:
            return [self.wake, self.crash]
        found = list(self.progress())
        stream, agent = self.stream, self.agent
        if trouble.cuts:
            if stream is not None and stream.place is not None:
                found.append(self.cut)
            if self.flights and not (self.flights[0].landed and self.flights[0].refused):
                found.append(self.lose_answer)
        if trouble.crashes and not self.opening:
            found += [self.crash, lambda: self.crash(crashed=False), self.tear, lambda: self.tear(kept=None)]
        if trouble.stops and self.state.current is not None:
            found += [lambda: self.tell(msg.Interrupt()), lambda: self.tell(msg.TimedOut(self.state.current.id))]
        if trouble.words:
            found += [self.steer, lambda: self.steer("1"), self.send_raw]
        if self.asking:
            found.append(self.leave_undecided)
            if trouble.denials:
                found.append(lambda: self.decide(allow=False))
        if trouble.denials and self.pending:
            found.append(lambda: self.confirm(allow=False))
        if self.doubts:
            found.append(lambda: self.resolve(again=True))
        if trouble.halts and self.judging:
            found.append(lambda: self.judge(halt=True))
        if trouble.strangers:
            found.append(lambda: setattr(agent, "picky", True))
            if agent.turn is not None and agent.turn.open:
                found.append(agent.stranger)
        if trouble.changes:
            found.append(self.change)
        if trouble.ends and agent.ending is not None:
            found.append(agent.end_thread)
        if trouble.naps:
            found.append(self.nap)
        if agent.turn is not None:
            found.append(agent.repeat_idle)
        return found

    def progress(self):  # noqa: C901  -- one line per kind of progress
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
        if self.asking:
            yield self.decide
        if self.judging:
            yield self.judge
        if self.agent.can_work:
            yield self.agent.work
        if self.pending:
            yield self.confirm
        if self.doubts:
            yield self.resolve

    def settle(self) -> None:
        """Let everything come to its end, without further trouble."""
        for _ in range(5000):
            if self.state.ended is not None:
                return
            self.wake()
            nxt = next(iter(self.progress()), None)
            if nxt is None and self.rests:
                nxt = self.rest_overdue  # time goes on only when nothing else does
            if nxt is None:
                return
            nxt()
        raise AssertionError("it goes on for ever")

    # --- what came of it ---

    def result(self, request_id: str):
        return result_of(self.journal, request_id, session_id="s", provider_session_id="sesn")

    def told(self):
        """What a user sees in the end: each request's end and text, and the turns."""
        ends = {
            end.request_id: (end.terminal, end.failure.kind if end.failure else None, self.result(end.request_id).text)
            for end in self.journal
            if isinstance(end, ev.RequestEnded)
        }
        return ends, [(turn.request_id, turn.text) for turn in turns_of(self.journal)]

    def ends(self) -> Counter[str]:
        return Counter(event.request_id for event in self.journal if isinstance(event, ev.RequestEnded))

    def failures(self) -> dict:
        return {e.request_id: e.failure for e in self.journal if isinstance(e, ev.RequestEnded)}

    def answered(self) -> set[str]:
        """The calls that this side answered."""
        posted = [event for event in self.journal if isinstance(event, ev.Answered)]
        return {call_id for event in posted for call_id in event.call_ids}
