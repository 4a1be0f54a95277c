"""Topics: tell something to everybody who said that they want to hear it.

Actors hear a broadcast as a plain message in `handle_info`; tasks at the edge of the tree - a connection, a test - read it from a bounded channel of
their own. A broadcast never waits for anybody: what a full mailbox or channel does not take is counted there as dropped, by the policy its owner
chose. How a broadcast is handed out is a function, the *dispatcher*, that can be replaced for a whole PubSub or for one broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import trio

from agentsup.errors import SpecError
from agentsup.otp import keeper
from agentsup.otp.cell import ACTORS
from agentsup.otp.channel import Channel
from agentsup.otp.entries import Held, strict
from agentsup.otp.errors import NotAnActor, RegistryClosed
from agentsup.otp.mailbox import Info
from agentsup.otp.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentsup.otp.channel import ChannelOverflow
    from agentsup.otp.childspec import ChildSpec
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Ref


@attrs.define(eq=False, repr=False)
class Subscription(Channel[Any]):
    """What a task hears of one topic; `PubSub.listen` opens it, closing it - or leaving `async with` - ends the subscription."""

    _pubsub: PubSub | None = attrs.field(default=None, kw_only=True)
    _topic: Hashable = attrs.field(default=None, kw_only=True)

    def close(self) -> None:
        """Hear no more; what was heard already can still be read. Closing twice is fine."""
        if self._pubsub is not None:
            self._pubsub.forget(self._topic, self)
            self._pubsub = None
        super().close()


@attrs.define(eq=False, repr=False)
class Subscriber:
    """One subscription, as a dispatcher sees it."""

    ref: Ref | None
    """The actor; None for a task that listens through a channel."""

    value: Any
    """What it said when it subscribed."""

    _put: Callable[[Any], bool]

    def deliver(self, message: object) -> bool:
        """Hand over a message, now; False if there was no room, which is counted where it happened."""
        return self._put(message)


Dispatcher: TypeAlias = Callable[[Sequence[Subscriber], Any], object]
"""Hands a message out: called where the broadcast is made, with everybody concerned; what it raises is raised there."""


@attrs.define(eq=False, repr=False)
class PubSub:
    """Topics and who hears them, on a registry with duplicate keys.

    An actor that subscribes twice hears everything twice; its subscriptions end with it. A topic exists while somebody listens to it. Two broadcasts
    of one sender arrive everywhere in the order they were made.

    Args:
        name: for people; the name of its process if it has one.
        dispatcher: how broadcasts are handed out; to everybody if not given.
    """

    name: str = "pubsub"
    dispatcher: Dispatcher | None = attrs.field(default=None, kw_only=True)
    registry: Registry = attrs.field(init=False)
    """The subscriptions of actors: topic as key, the value given with it. Yours to look into."""
    _listening: dict[Hashable, dict[Subscription, None]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        _check(self.dispatcher)
        self.registry = Registry(self.name, keys="duplicate")

    def __repr__(self) -> str:
        tasks = sum(map(len, self._listening.values()))
        return f"<PubSub {self.name}, {len(self.registry)} actors' and {tasks} tasks' subscriptions>"

    def subscribe(self, topic: Hashable, value: Any = None, *, owner: Ref | None = None) -> None:
        """Have what is said on `topic` arrive in `handle_info` of the calling actor, or of `owner`; `value` is for dispatchers.

        Raises:
            NotAnActor: called outside an actor and without an owner; a task that is no actor has `listen`.
            NoProc: the owner is dead.
            RegistryClosed: this PubSub has a process, and that is not there.
        """
        self.registry.register(topic, value, owner=owner)

    def unsubscribe(self, topic: Hashable) -> None:
        """End all subscriptions of the calling actor to `topic`; nothing happens if it has none. What is in its mailbox stays there.

        Raises:
            NotAnActor: called outside an actor.
        """
        self.registry.unregister(topic)

    def listen(self, topic: Hashable, buffer: int = 256, *, overflow: ChannelOverflow = "drop_oldest") -> Subscription:
        """Hear `topic` from any task: `async with pubsub.listen("news") as news: async for message in news`.

        Args:
            topic: what to hear.
            buffer: how many messages may wait to be read.
            overflow: what happens to one more; `drop_oldest` and `drop_newest` count it, `disconnect` ends the subscription.

        Raises:
            SpecError: buffer or overflow is wrong.
            RegistryClosed: this PubSub has a process, and that is not there.
        """
        if self.registry.is_closed:
            raise RegistryClosed(self.name, topic)
        identity = strict(topic)
        subscription = Subscription(buffer, overflow, pubsub=self, topic=identity)
        self._listening.setdefault(identity, {})[subscription] = None
        return subscription

    def broadcast(self, topic: Hashable, message: object, *, dispatcher: Dispatcher | None = None) -> int:
        """Tell everybody who hears `topic`, now and without waiting; how many subscriptions that were, those without room included."""
        return self._hand_out(topic, message, None, dispatcher)

    def broadcast_from(
        self, topic: Hashable, message: object, *, sender: Ref | None = None, dispatcher: Dispatcher | None = None
    ) -> int:
        """`broadcast`, but not to the actor that says it: the calling one, or `sender`.

        Raises:
            NotAnActor: called outside an actor and without a sender.
        """
        if sender is None:
            cell = ACTORS.get(trio.lowlevel.current_task())
            if cell is None:
                raise NotAnActor("broadcast_from leaves the calling actor out; from elsewhere, name a sender")
            sender = cell.ref
        return self._hand_out(topic, message, sender, dispatcher)

    def subscribers(self, topic: Hashable) -> list[Subscriber]:
        """Everybody who hears `topic`: actors in the order they subscribed, then tasks."""
        identity = strict(topic)
        actors = [Subscriber(held.cell.ref, held.value, _into(held)) for held in self.registry.under(identity)]
        return [*actors, *(Subscriber(None, None, each.offer) for each in self._listening.get(identity, ()))]

    def _hand_out(self, topic: Hashable, message: object, leave_out: Ref | None, dispatcher: Dispatcher | None) -> int:
        _check(dispatcher)
        dispatcher = dispatcher or self.dispatcher
        if dispatcher is None:
            return self._to_all(strict(topic), message, leave_out)
        everybody = [each for each in self.subscribers(topic) if leave_out is None or each.ref != leave_out]
        if everybody:
            dispatcher(everybody, message)
        return len(everybody)

    def _to_all(self, identity: Hashable, message: object, leave_out: Ref | None) -> int:
        """The default dispatcher, without a `Subscriber` for each: this is what large topics are measured by."""
        entry = Info(message)
        actors = self.registry.under(identity)
        if leave_out is not None:
            actors = [held for held in actors if held.cell.ref != leave_out]
        for held in actors:
            mailbox = held.cell.mailbox
            if not mailbox.put(entry):
                mailbox.dropped += 1
        tasks = list(self._listening.get(identity, ()))
        for subscription in tasks:
            subscription.offer(message)
        return len(actors) + len(tasks)

    def forget(self, identity: Hashable, subscription: Subscription) -> None:
        """A task hears no more."""
        listening = self._listening[identity]
        del listening[subscription]
        if not listening:
            del self._listening[identity]

    # A life of its own.

    def child(self) -> ChildSpec:
        """This PubSub as a child of a supervisor, holding its own name: put it before whoever subscribes.

        When its process ends, actors that had subscribed are sent the same exit reason (rule R4) and the channels of tasks are closed.
        """
        return keeper.keep(self, self.name)

    def opened(self) -> None:
        """Its process has started."""
        self.registry.opened()

    def closed(self, reason: ExitReason, sender: Ref) -> None:
        """Its process ended."""
        for listening in list(self._listening.values()):
            for subscription in list(listening):
                subscription.close()
        self.registry.closed(reason, sender)


def _check(dispatcher: object) -> None:
    if dispatcher is not None and not callable(dispatcher):
        raise SpecError.of(
            "dispatcher", f"a {type(dispatcher).__name__} hands nothing out; a function of subscribers and message"
        )


def _into(held: Held) -> Callable[[Any], bool]:
    mailbox = held.cell.mailbox

    def put(message: object) -> bool:
        if mailbox.put(Info(message)):
            return True
        mailbox.dropped += 1
        return False

    return put
