"""Who listens: the subscriptions to one session, or to all."""

from __future__ import annotations

from agentsup.session.subscription import Subscription
from agentsup.talk.events import SessionEvent


class Audience:
    """Subscriptions, which may come and go while an event is shown to them."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def __bool__(self) -> bool:
        return bool(self._subscriptions)

    def join(self, subscription: Subscription) -> None:
        """The subscriber listens from now on."""
        self._subscriptions.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """The subscriber goes."""
        self._subscriptions.discard(subscription)

    def offer(self, event: SessionEvent) -> None:
        """Show an event to everybody who listens."""
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)

    def end(self) -> None:
        """Nothing more will come: end every subscription, after what it has."""
        for subscription in tuple(self._subscriptions):
            subscription.end()
