"""A provider in pure Python, with trouble on order: what it does and what it says of it can be two things."""

from __future__ import annotations

import itertools
from contextlib import suppress

import attrs
import trio

from agentsup.errors import SpecError
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning import Found, NameRule, NameTaken, NotDone, Resource, Wanted
from agentsup.talk.events import Failure

TROUBLES = (
    "not_done",  # it says that it did nothing, and did nothing
    "lost",  # nothing was done, and nobody knows
    "after",  # it was done, and nobody knows
    "late",  # nobody knows, and it is done two requests later
    "refused",  # no, and no again
    "refused_after",  # no, says a server that fell over after having done it
    "stall",  # silence
    "stall_after",  # it was done, then silence
    "cancel",  # the caller is cancelled before it is done
    "cancel_after",  # the caller is cancelled after it was done, before the answer
    "bug",  # the backend itself is broken
)


class BugError(Exception):
    """A bug in a backend."""


@attrs.define(eq=False)
class Row:
    """A resource at the provider."""

    role: str
    id: str
    name: str
    token: str | None
    place: int
    state: str = "ready"
    settles: int = 0
    """Looks at it until it is ready."""

    def view(self, *, shows_token: bool) -> Found:
        token = self.token if shows_token else None
        return Found(
            role=self.role, id=self.id, name=self.name, state=self.state, created_at=float(self.place), token=token
        )


@attrs.define(eq=False, slots=False)
class FakeBackend:
    """A backend whose provider is a list of rows. `exact` makes names unique and creates repeatable by token."""

    exact: bool = False
    troubles: dict[str, list[str]] = attrs.field(factory=dict)
    """By verb, in order, one for each time it is called; nothing is no trouble."""
    latency: float = 0.0
    unique: bool | None = None
    """Whether a taken name is refused, where it is not as exactness has it."""
    slow: int = 0
    """Looks that a new resource takes until it is ready."""
    roles: tuple[str, ...] = ("agent", "environment")
    kind: str = "fake"
    scope: str = "fake here"
    rule: NameRule = attrs.field(factory=lambda: NameRule(256))
    patience: float = 100.0
    clean_up: float = 30.0
    rows: list[Row] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)
    tokens: set[str] = attrs.field(factory=set)
    """Of every create that came in."""
    caller: trio.CancelScope | None = None
    _late: list = attrs.field(factory=list)
    _ids: itertools.count = attrs.field(factory=lambda: itertools.count(1), alias="_ids")

    # --- what a test sets up and looks at ---

    def add(self, wanted: Wanted, *, state="ready", token=None, settles=0) -> Row:
        number = next(self._ids)
        row = Row(wanted.role, f"{wanted.role}-{number}", wanted.name, token, number, state, settles)
        self.rows.append(row)
        return row

    def live(self, name=None) -> list[Row]:
        return [row for row in self.rows if row.state in ("ready", "pending") and name in (None, row.name)]

    def counted(self, verb) -> int:
        return self.calls.count(verb)

    # --- the verbs ---

    def plan(self, agent, environment):
        if agent is not None and agent.name == "refused":
            raise SpecError.of("agent.name", "must be another one")
        return [
            Wanted(role=role, base=spec.name, digest=spec.digest, name=self.rule.compose(spec.name, spec.digest))
            for role, spec in (("agent", agent), ("environment", environment))
            if spec is not None
        ]

    async def create(self, wanted, token):
        def make():
            self.tokens.add(token)
            holders = [row for row in self.rows if row.role == wanted.role and row.name == wanted.name]
            unique = self.exact if self.unique is None else self.unique
            if self.exact:
                for row in holders:
                    if row.token == token and row.state != "archived":
                        return row
            if unique and holders:
                raise NameTaken(wanted.name)
            state = "pending" if self.slow else "ready"
            return self.add(wanted, state=state, token=token, settles=self.slow)

        return (await self._perform("create", make)).view(shows_token=not self.exact)

    async def search(self, role):
        def look():
            return [row.view(shows_token=not self.exact) for row in reversed(self.rows) if row.role == role]

        return await self._perform("search", look)

    async def settle(self, found, watch):
        while True:
            row = await self._perform("settle", lambda: self._row(found))
            if row is None or row.state == "archived":
                return None
            watch.saw(row.state, phase="deleted" if row.state == "leaving" else "ready")
            if row.state == "ready":
                return row.view(shows_token=not self.exact)
            if row.state == "failed":
                raise Rejected(Failure(kind="provider", message="it failed"), fatal=True)
            row.settles -= 1
            if row.settles <= 0:
                if row.state == "leaving":
                    self.rows.remove(row)
                    continue
                row.state = "ready"
            await trio.sleep(5.0)

    async def discard(self, found: Found | Resource, watch):
        def drop():
            row = self._row(found)
            if row is not None:
                if self.exact:
                    self.rows.remove(row)
                else:
                    row.state = "archived"

        await self._perform("discard", drop)

    async def aclose(self):
        raise AssertionError("a backend that was passed is not ours to close")

    def _row(self, found):
        return next((row for row in self.rows if row.id == found.id), None)

    async def _perform(self, verb, deed):
        self.calls.append(verb)
        self._catch_up()
        order = self.troubles.get(verb, [])
        trouble = order.pop(0) if order else None
        await trio.sleep(self.latency)
        if trouble == "cancel":
            self._cancel()
            await trio.lowlevel.checkpoint()
        match trouble:
            case "not_done":
                raise NotDone("come back")
            case "lost":
                raise Unavailable("the connection broke")
            case "refused":
                raise Rejected(Failure(kind="provider", message="no", status=400), fatal=True)
            case "stall":
                await trio.sleep_forever()
            case "late":
                self._late.append((2, deed))
                raise Unavailable("no answer in time")
            case "bug":
                raise BugError(verb)
        done = deed()
        match trouble:
            case "after":
                raise Unavailable("the answer got lost")
            case "refused_after":
                raise Rejected(Failure(kind="provider", message="no", status=500), fatal=True)
            case "stall_after":
                await trio.sleep_forever()
            case "cancel_after":
                self._cancel()
        await trio.sleep(self.latency)
        return done

    def _catch_up(self):
        """Do what is overdue."""
        waiting, self._late = [(wait - 1, deed) for wait, deed in self._late], []
        for wait, deed in waiting:
            if wait > 0:
                self._late.append((wait, deed))
            else:
                with suppress(NameTaken):
                    deed()

    def _cancel(self):
        assert self.caller is not None
        self.caller.cancel()


def run(main):
    """Run it on a clock that jumps."""
    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
