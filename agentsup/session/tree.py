"""The supervision tree of a runtime, and a session's place in it.

    Runtime
    +-- journal      the one writer of the store
    +-- watchman     ends the runtime when the store is lost for good
    +-- providers    one child per endpoint: its HTTP client and every open stream
    +-- sessions     one child per session
    +-- recovery     brings back what stood in the store, then ends

Sessions come after providers, so they stop first, while their connections still stand, and everything after the journal, which so keeps what
they had to say last. A session or an endpoint that fails is its own affair: both supervisors restart without limit, a session has its restart
budget in its spec, and an endpoint that fails takes its streams with it, which its sessions then open again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from agentsup import otp
from agentsup.ids import SessionId
from agentsup.journal.base import Stored
from agentsup.journal.writer import Writer
from agentsup.loop.rules import Rules
from agentsup.session.actor import FindLife, SessionActor
from agentsup.session.life import Life
from agentsup.session.recovery import Recovery
from agentsup.session.services import Services
from agentsup.session.spec import SessionSpec
from agentsup.session.watchman import Watchman

FAREWELL = 5.0
"""Seconds that something which is called off, or ends early, takes at most to stop what it began at the provider."""

CLOSE_STORE = 10.0
"""Seconds for writing what is left when a runtime is left."""

FLAGS = otp.SupFlags(strategy="rest_for_one")
"""Sessions depend on providers, and everything on the journal; not the other way round."""

_ENDLESS = otp.SupFlags(intensity=math.inf, period=1.0)


def tree(services: Services, eager: Sequence[Life]) -> list[otp.ChildSpec]:
    """The runtime's children, in the order they start in; `eager` are brought back at once."""
    children = [
        otp.ChildSpec(id="journal", start=lambda: Writer(services.journal), shutdown=CLOSE_STORE),
        otp.ChildSpec(id="watchman", start=lambda: Watchman(services.journal, otp.current_runtime().give_up)),
        _supervisor("providers", services.providers, lambda: otp.DynamicSupervisor(_ENDLESS)),
        # A supervisor that had to be restarted itself begins again with the sessions that live.
        _supervisor("sessions", services.sessions, lambda: otp.DynamicSupervisor(_ENDLESS, source=services.children)),
    ]
    if eager:
        children.append(otp.ChildSpec(id="recovery", start=lambda: Recovery(services, eager), restart="transient"))
    return children


def _supervisor(child_id: str, name: otp.Name, start: Callable[[], otp.Actor]) -> otp.ChildSpec:
    return otp.ChildSpec(id=child_id, start=start, name=name, type="supervisor", shutdown=math.inf)


def session_spec(session_id: SessionId, spec: SessionSpec, find: FindLife, services: Services) -> otp.ChildSpec:
    """A session as a child, wherever it stands."""
    return otp.ChildSpec(
        id=session_id,
        start=lambda: SessionActor(find, services),
        name=otp.Name(session_id, services.names),
        restart="transient",
        backoff=spec.restart.backoff,
    )


def child_of(life: Life, services: Services) -> otp.ChildSpec:
    """The same for one that has its place in the journal already."""

    async def find() -> Life:
        return life

    return session_spec(life.session_id, life.spec, find, services)


def life_of(stored: Stored, spec: SessionSpec, services: Services, rules: Rules) -> Life:
    """A session that has its place in the journal, and does not run yet."""
    return Life(stored, spec, journal=services.journal, listener=services.terminals, rules=rules)


def known(services: Services, stored: Stored, spec: SessionSpec) -> Life:
    """A session of the store as one of this runtime's, to be started when it is wanted."""
    life = life_of(stored, spec, services, spec.rules)
    life.child = child_of(life, services)
    return life
