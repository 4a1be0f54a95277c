"""A session machine under a test's hand: messages in, events and effects out."""

from __future__ import annotations

import itertools

import attrs

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.fold import fold, initial
from agentsup.loop.rules import Rules
from agentsup.loop.state import Now
from agentsup.loop.step import step
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.tools import ToolResult, ToolUse

_ids = itertools.count(1)


def heard(kind, /, **fields):
    event_id = fields.pop("id", f"event-{next(_ids)}")
    return kind(id=event_id, raw={"id": event_id}, **fields)


def echo(text="hi", **fields):
    return heard(ev.Echoed, kind="message", text=text, **fields)


def result_echo(call_id):
    return heard(ev.Echoed, kind="result", call_id=call_id)


def leave_echo(call_id):
    return heard(ev.Echoed, kind="confirmation", call_id=call_id)


def stop_echo():
    return heard(ev.Echoed, kind="interrupt")


def working():
    return heard(ev.Working)


def said(text="fine"):
    return heard(ev.Said, text=text)


def asked(call_id, name="tool"):
    return heard(ev.ToolAsked, id=call_id, use=ToolUse(call_id, name, {}))


def wants_leave(call_id, name="bash"):
    return heard(ev.ServerToolUsed, id=call_id, use=ToolUse(call_id, name, {}), asks=True)


def idle(*call_ids):
    if call_ids:
        return heard(ev.Waiting, terminal="requires_action", stop_reason={}, asked=call_ids)
    return heard(ev.Waiting, terminal="end_turn", stop_reason={"type": "end_turn"})


class Scene:
    def __init__(self, **rules):
        self.rules = Rules(**rules)
        self.state = initial(self.rules)
        self.journal = []
        self.effects = []

    def tell(self, *messages):
        """All messages in order; gives back the effects of the last one."""
        last = ()
        for message in messages:
            result = step(self.state, message)
            self.state = result.state
            self.journal += result.events
            self.effects += result.effects
            last = result.effects
        return last

    def news(self, *bodies):
        return self.tell(msg.News(bodies))

    def attach(self, existing=None):
        """Started, opened and attached."""
        self.tell(msg.Start("token", existing))
        if existing is None:
            self.tell(msg.Opened("sesn"))
        return self.tell(msg.Attached())

    def submit(self, request_id="r1", text="hi"):
        return self.tell(msg.Submit(request_id, (Text(text),)))

    def steer(self, message_id="s1", text="and"):
        return self.tell(msg.Steer(message_id, (Text(text),)))

    def posted_all(self):
        """The answer to the POST that is on its way."""
        return self.tell(msg.Posted(tuple(self.posted()[-1])))

    def run(self, request_id="r1", text="hi"):
        """A request whose message the provider has and works on."""
        self.submit(request_id, text)
        return self.tell(msg.Posted((f"message:{request_id}",)), msg.News((echo(text), working())))

    def ask(self, *call_ids, name="tool"):
        """The agent asks for these calls and waits."""
        return self.news(*(asked(call_id, name) for call_id in call_ids), idle(*call_ids))

    def tool_done(self, call_id, text="done"):
        return self.tell(msg.ToolDone(ToolResult(call_id, text)))

    def crash(self):
        self.state = fold(initial(self.rules), self.journal)
        return self.tell(msg.Revive("bug"))

    def of(self, kind):
        return [thing for thing in (*self.journal, *self.effects) if isinstance(thing, kind)]

    def posted(self):
        """The keys of every POST so far."""
        return [[item.key for item in post.items] for post in self.of(fx.Post)]

    def started(self):
        """The calls that were run, in order."""
        return [effect.use.call_id for effect in self.of(fx.RunTool)]

    def results(self):
        """Call id to the text of its result."""
        return {event.result.call_id: event.result.text for event in self.of(ev.ToolEnded)}

    def ends(self):
        """Request id to why we ended it (None if the provider did)."""
        return {e.request_id: e.failure.kind if e.failure else None for e in self.of(ev.RequestEnded)}

    def comparable(self):
        return attrs.evolve(self.state, now=Now())
