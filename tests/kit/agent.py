"""The other side in pure Python: an agent at a provider, with whoever else talks to it."""

from __future__ import annotations

from collections import Counter, deque

import attrs

from agentsup.talk import events as ev
from agentsup.talk.outgoing import DefineOutcome, GiveLeave, GiveResult, SayMessage, SayRaw, SayStop, SetOptions
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage

OURS = ("pure_tool", "tool", "gated_tool")
"""What it calls at the client's, in turn; a batch of three has one of each."""


class RefusedError(Exception):
    """The provider takes none of what was sent."""


@attrs.define(eq=False)
class Turn:
    """What the agent does about a message (or several, where it takes in what came meanwhile), letter by letter.

    A digit is a batch of as many calls of the client's tools; `a` asks for leave for a tool of the provider's own, `m` is a batch of both,
    `s` is such a tool that needs no leave, `T` calls the terminal tool, `t` is a call for the agent and two for a thread of its. Other letters do nothing. Behind the last one comes the answer.
    """

    keys: list[str]
    letters: deque[str]
    open: dict[str, bool] = attrs.field(factory=dict)
    """Calls that wait for the client: whether they are the client's own."""

    threads: dict[str, str] = attrs.field(factory=dict)
    """Calls of threads: whose they are."""

    leaves: list[str] = attrs.field(factory=list)
    """Calls of its own that were decided about, and have not come to anything."""


class Agent:
    """One session at the provider. Inputs queue; a queued input is shown when it is taken and again when its turn comes."""

    def __init__(self, *, absorbs: bool = False, drops: bool = False) -> None:
        self.done: list[ev.Heard] = []
        self.waiting: list[ev.Heard] = []
        self.shown: list[ev.Heard] = []
        self.inbox: deque[tuple[str, str, ev.Heard]] = deque()
        """Key, text, and what was shown of it."""
        self.stops: list[ev.Heard] = []
        self.turn: Turn | None = None
        self.taken: Counter[str] = Counter()
        """How often each input of the client's arrived, by its key."""
        self.answers: Counter[str] = Counter()
        """How often each call was answered, by whomever."""
        self.options: dict[str, object] = {}
        self.finished: set[str] = set()
        """Messages that it worked on to the end."""
        self.asked: list[list[str]] = []
        self.refusals = 0
        self.picky = False
        """The next word that joins a request is refused."""
        self._absorbs = absorbs
        """A message that comes while it works is taken in before its next model call, instead of having a turn of its own."""
        self._drops = drops
        """An interrupt makes it forget what waits, without a word."""
        self._ids = 0

    def history(self, seen: set[str], *, waiting: bool) -> list[ev.Heard]:
        """What a listing gives: processed events from a little before the newest that was seen, then, if asked for, the queued inputs.

        Where nothing was seen it is all of both.
        """
        heard = [place for place, event in enumerate(self.done) if event.sighting in seen]
        if not heard:
            return [*self.done, *self.waiting]
        return [*self.done[max(0, heard[-1] - 1) :], *(self.waiting if waiting else ())]

    @property
    def rests(self) -> bool:
        """Whether it has nothing to do."""
        return self.turn is None and not self.inbox

    # --- inputs ---

    def take(self, items) -> None:
        """All or nothing, in order."""
        wanted = {} if self.turn is None else self.turn.open
        answers = [item for item in items if isinstance(item, GiveResult | GiveLeave)]
        calls = [(_call(item), isinstance(item, GiveResult)) for item in answers]
        word = self.picky and any(isinstance(item, SayMessage) and item.message_id is not None for item in items)
        if word or len(dict(calls)) < len(calls) or any(wanted.get(call) is not ours for call, ours in calls):
            self.refusals += 1
            self.picky = self.picky and not word
            raise RefusedError
        for item in items:
            if isinstance(item, SetOptions):  # to say it twice comes to the same
                self.options |= item.options
            else:
                self.taken[item.key] += 1
                self._take(item)
        if calls:
            self._answered()

    def _take(self, item) -> None:
        match item:
            case SayMessage():
                self._enqueue(item.key, item.text, raw={})
            case SayRaw(raw=raw):
                self._enqueue(item.key, raw["text"], raw=raw)
            case DefineOutcome(outcome=outcome):
                echo = self._publish(ev.Echoed, kind="outcome", text=outcome.description)
                self.inbox.append((item.key, outcome.description, echo))
            case GiveResult(result):
                self._answer(result.call_id, "result")
            case GiveLeave(call_id):
                self._answer(call_id, "confirmation")
            case SayStop():
                if self._drops:
                    self.inbox = deque(given for given in self.inbox if given[2] not in self.waiting)
                if self.rests:
                    self._publish(ev.Echoed, kind="interrupt")
                else:
                    self.stops.append(self._wait(ev.Echoed, kind="interrupt"))

    def _enqueue(self, key: str, text: str, *, raw) -> None:
        about = {"kind": "message", "text": text, "raw": raw}
        echo = self._publish(ev.Echoed, **about) if self.rests else self._wait(ev.Echoed, queued=True, **about)
        self.inbox.append((key, text, echo))

    def _answer(self, call: str, kind: str) -> None:
        self.answers[call] += 1
        if not self.turn.open.pop(call):
            self.turn.leaves.append(call)
        self._publish(ev.Echoed, kind=kind, call_id=call)

    def _answered(self) -> None:
        if self.turn.open:
            self._require_action()
        else:
            self._publish(ev.Working)

    def stranger(self) -> None:
        """Somebody else answers the oldest open call."""
        call, ours = next(iter(self.turn.open.items()))
        self._answer(call, "result" if ours else "confirmation")
        self._answered()

    @property
    def ending(self) -> str | None:
        """A thread that may end while its calls are open."""
        turn = self.turn
        return None if turn is None else next((turn.threads[call] for call in turn.open if call in turn.threads), None)

    def end_thread(self) -> None:
        """It is over, and takes no results; the agent goes on when nothing else is open."""
        thread = self.ending
        self.turn.open = {call: ours for call, ours in self.turn.open.items() if self.turn.threads.get(call) != thread}
        self._publish(ev.ThreadEnded, thread=thread)
        if not self.turn.open:
            self._publish(ev.Working)

    # --- work ---

    @property
    def can_work(self) -> bool:
        if self.turn is None:
            return bool(self.inbox)
        return bool(self.stops) or not self.turn.open

    def work(self) -> None:
        """One thing after the other."""
        if self.turn is None:
            self.turn = Turn([], deque())
            self._take_in()
            self._publish(ev.Working)
        elif self.stops:
            self._publish(ev.Measured, usage=Usage(1, 1))
            self._rest()
        elif self.turn.leaves:
            self._publish(ev.ServerToolEnded, call_id=self.turn.leaves.pop(0))
        elif self._absorbs and self.inbox and self.inbox[0][2] in self.waiting:
            self._take_in()
        elif self.turn.letters:
            self._do(self.turn.letters.popleft())
        else:
            self._publish(ev.Said, text="answer")
            self.finished.update(self.turn.keys)
            self._rest()

    def _take_in(self) -> None:
        """Come to the oldest of what waits."""
        key, text, echo = self.inbox.popleft()
        if echo in self.waiting:
            self._settle(echo)
        self.turn.keys.append(key)
        self.turn.letters.extend(text)

    def _do(self, letter: str) -> None:
        match letter:
            case "s":
                call = self._ask(ev.ServerToolUsed, "bash")
                self._publish(ev.ServerToolEnded, call_id=call)
            case "t":
                for kind, name, thread in ((ev.ToolAsked, "tool", "child"), (ev.ServerToolUsed, "bash", "child")):
                    asks = {"asks": True} if kind is ev.ServerToolUsed else {}
                    call = self._ask(kind, name, thread=thread, **asks)
                    self.turn.open[call], self.turn.threads[call] = kind is ev.ToolAsked, thread
                self.turn.open[self._ask(ev.ToolAsked, "pure_tool")] = True
                self._publish(ev.Measured, usage=Usage(1, 1))
                self._require_action()
            case "a" | "m" | "T" | "1" | "2" | "3":
                names = {"a": (), "T": ("finish",), "m": OURS[:2]}.get(letter) or OURS[: ord(letter) - ord("0")]
                for name in () if letter == "a" else names:
                    self.turn.open[self._ask(ev.ToolAsked, name)] = True
                if letter in "am":
                    self.turn.open[self._ask(ev.ServerToolUsed, "bash", asks=True)] = False
                self._publish(ev.Measured, usage=Usage(1, 1))
                self._require_action()

    def _ask(self, kind, name: str, **fields) -> str:
        call = f"call-{self._ids + 1}"
        self._publish(kind, id=call, use=ToolUse(call, name, {}), **fields)
        return call

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
        if self.asked and self.turn is not None and not self.turn.open:
            self._publish(ev.Waiting, terminal="requires_action", stop_reason={}, asked=tuple(self.asked[-1]))

    # --- telling ---

    def _make(self, kind, /, raw=None, **fields):
        self._ids += 1
        event_id = fields.pop("id", f"event-{self._ids}")
        return kind(id=event_id, raw={**(raw or {}), "id": event_id, "type": kind.type}, **fields)

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


def _call(item: GiveResult | GiveLeave) -> str:
    return item.result.call_id if isinstance(item, GiveResult) else item.call_id
