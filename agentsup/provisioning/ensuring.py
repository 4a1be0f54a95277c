"""Making sure that what is wanted is there: once, whoever asks at the same time, and nothing left by a call that failed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, assert_never

import attrs
import structlog
import trio

from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning.backend import Backend, Found, NameTaken, NotDone, Resource, Wanted, Watch
from agentsup.provisioning.errors import NameConflict, OnlyArchived, ProvisionFailed, ProvisionTimeout
from agentsup.provisioning.flights import alone
from agentsup.provisioning.persistence import ATTEMPTS, pause, persist
from agentsup.provisioning.plan import USABLE, Adopt, Blocked, Make, WaitOut, next_step, oldest
from agentsup.provisioning.recall import Recall

_log = structlog.get_logger("agentsup.provisioning")

ROUNDS: Final = 8
"""Looks at one name until it is given up: each ends with the resource, or with somebody else having changed what there is."""

ANSWER: Final = 10.0
"""Seconds in which a provider that is up has answered one question about what we remember."""

LATE: Final = 1.0
"""Seconds that a create without an answer is given to show in the list after all."""


async def ensure(backend: Backend, recall: Recall, wanted: Sequence[Wanted], *, timeout: float) -> tuple[Resource, ...]:
    """All of these, made or found; or an error, and nothing that this call made.

    Cancelled, it takes away what it made as well, for at most the backend's `clean_up` seconds, and what it found it leaves alone in any case.

    Raises:
        ProvisionFailed: it cannot be done; `ProvisionTimeout` if it was not done in `timeout` seconds.
    """
    call = _Call(backend, recall)
    try:
        with trio.move_on_after(timeout):
            async with alone((backend.scope, each.role, each.name) for each in wanted):
                try:
                    return await call.run(wanted)
                except BaseException:
                    await call.undo()
                    raise
    except (Unavailable, Rejected) as exc:
        failure = exc.failure if isinstance(exc, Rejected) else None
        raise ProvisionFailed(f"{call.failed_at}: {exc}", left=call.left, failure=failure) from exc
    except ProvisionFailed as exc:
        exc.left = tuple(call.left)
        raise
    raise ProvisionTimeout(timeout, call.watch, left=call.left)


@attrs.define(eq=False)
class _Attempt:
    """One resource that this call asked to have made."""

    wanted: Wanted
    token: str = attrs.field(factory=lambda: secrets.token_hex(16), repr=False)
    made: dict[str, Found] = attrs.field(factory=dict)
    """What is known to have come of it, by id, and is not taken away again."""
    asked: int = 0
    unknown: bool = False
    """A create may have been done without our being told."""

    def __str__(self) -> str:
        doubt = ["perhaps one more" if self.made else "perhaps made"] if self.unknown else []
        return f"{self.wanted.role} {self.wanted.name} ({', '.join([*self.made, *doubt])})"


@attrs.define(eq=False)
class _Call:
    """One call: what it has asked to have made, and where it stands."""

    backend: Backend
    recall: Recall
    watch: Watch = attrs.field(factory=lambda: Watch(doing="waiting for another call about the same names"))
    attempts: list[_Attempt] = attrs.field(factory=list)
    left: list[str] = attrs.field(factory=list)
    failed_at: str = ""

    async def run(self, wanted: Sequence[Wanted]) -> tuple[Resource, ...]:
        found, seen = [], []
        for each in wanted:
            resource, is_news = await self._one(each)
            found.append(resource)
            if is_news:
                seen.append(resource)
        with trio.CancelScope(shield=True):  # from here on it has happened
            await self.recall.keep(seen)
        return tuple(found)

    # --- one resource ---

    async def _one(self, wanted: Wanted) -> tuple[Resource, bool]:
        """The resource, and whether the provider was asked about it just now."""
        remembered = await self.recall.resource(wanted)
        if remembered is None:
            return await self._from_provider(wanted), True
        if remembered.trusted:
            return remembered.resource, False
        self.watch.start(f"looking at {remembered.resource}")
        try:
            there = await self._still_there(remembered.resource)
        except Unavailable:
            return remembered.resource, False  # nobody to ask: what is remembered is the best we have
        if there:
            return remembered.resource, True
        await self.recall.forget(remembered.resource)
        return await self._from_provider(wanted), True

    async def _still_there(self, resource: Resource) -> bool:
        """Whether it can be used; one that the provider says is changing is waited for.

        Raises:
            Unavailable: there was no answer in a while.
        """
        try:
            with trio.move_on_after(ANSWER):
                return await self.backend.settle(resource, self.watch) is not None
            if not self.watch.polls:
                raise Unavailable(f"no answer in {ANSWER:g} s")
            return await self.backend.settle(resource, self.watch) is not None
        except Rejected:
            return False

    async def _from_provider(self, wanted: Wanted) -> Resource:
        was_taken = 0
        for _ in range(ROUNDS):
            self.watch.start(f"looking for {wanted.role} {wanted.name}")
            step = next_step(wanted, await self._search(wanted), unique=self.backend.exact)
            match step:
                case Adopt(found):
                    self.watch.start(f"waiting for {wanted.role} {wanted.name} ({found.id})")
                    if (settled := await self._settle(found)) is not None:
                        return Resource.of(wanted, settled)
                case WaitOut(found):
                    self.watch.start(f"waiting for {wanted.role} {wanted.name} ({found.id}) to be gone")
                    await self._settle(found)
                    was_taken = 0
                case Blocked(found):
                    raise NameConflict(
                        f"{wanted.role} {wanted.name} ({found.id}) failed, and holds the name: delete it"
                    )
                case Make(archived):
                    if was_taken:
                        await self._give_up_or_wait(wanted, archived, was_taken)
                    elif (made := await self._make(wanted)) is not None:
                        return made
                    was_taken += 1
                case _:
                    assert_never(step)
        raise NameConflict(f"{wanted.role} {wanted.name}: it came and went {ROUNDS} times; somebody else works on it")

    async def _give_up_or_wait(self, wanted: Wanted, archived: int, looks: int) -> None:
        """The provider says that the name is taken, and the list shows nothing to take: it may be a moment behind, once."""
        if archived:
            raise OnlyArchived(
                f"{wanted.role} {wanted.name}: the name is taken, and everything of that name is archived ({archived})"
            )
        if looks > 1:
            raise NameConflict(f"{wanted.role} {wanted.name}: the name is taken, and nothing of that name is listed")
        await trio.sleep(LATE)

    async def _make(self, wanted: Wanted) -> Resource | None:
        """Have it made; None if somebody else has the name."""
        attempt = _Attempt(wanted)
        self.attempts.append(attempt)
        self.watch.start(f"creating {wanted.role} {wanted.name}")
        found = await self._create(attempt)
        if found is None:
            return None
        attempt.made[found.id] = found
        settled = await self._settle(found)
        if settled is None:
            raise NameConflict(
                f"{wanted.role} {wanted.name} ({found.id}): somebody took it away while it was being made"
            )
        return Resource.of(wanted, settled if self.backend.exact else await self._agree(attempt, settled))

    async def _create(self, attempt: _Attempt) -> Found | None:
        """Ask until there is an answer; after one that got lost, look before asking again. None if the name is taken."""
        while True:
            before, attempt.unknown = attempt.unknown, True
            attempt.asked += 1
            try:
                found = await self.backend.create(attempt.wanted, attempt.token)
            except NameTaken:
                # What took the name may be a create of ours whose answer got lost.
                mine = await self._mine(attempt)
                attempt.unknown = False
                return mine
            except NotDone as exc:
                attempt.unknown = before
                failure: Unavailable = exc
            except Unavailable as exc:
                failure = exc
            except Rejected as exc:
                attempt.unknown = before or (exc.failure.status or 500) >= 500
                raise
            else:
                attempt.unknown = before
                return found
            await pause(attempt.asked, failure)
            if attempt.unknown and (mine := await self._mine(attempt)) is not None:
                return mine
            if attempt.asked >= ATTEMPTS:
                raise failure

    async def _mine(self, attempt: _Attempt) -> Found | None:
        """What a create of this attempt came to, as far as a list can show it."""
        mine = await self._with_token(attempt)
        return oldest(mine) if mine else None

    async def _with_token(self, attempt: _Attempt) -> list[Found]:
        if self.backend.exact:
            return []  # asking again with the same token is how one learns it there
        return [
            found
            for found in await self._search(attempt.wanted)
            if found.token == attempt.token and found.state != "archived"
        ]

    async def _agree(self, attempt: _Attempt, made: Found) -> Found:
        """Whichever is the oldest of that name now: two who did not see each other must not go on with two.

        Ours is taken away if somebody was faster, and so is a second one of ours, from a create that arrived late.
        """
        try:
            founds = await self._search(attempt.wanted)
        except (Unavailable, Rejected):
            if attempt.unknown:
                raise  # there may be two of ours, and nobody could tell which one to go on with
            return made  # it can be used; whoever looks next will see the rest
        usable = [each for each in founds if each.state in USABLE]
        winner = oldest([*([] if any(each.id == made.id for each in usable) else [made]), *usable])
        if winner.id != made.id and await self._settle(winner) is None:
            return made
        attempt.made.update({each.id: each for each in usable if each.token == attempt.token})
        for surplus in [each for each in attempt.made.values() if each.id != winner.id]:
            try:
                await self._discard(attempt, surplus)
            except (Unavailable, Rejected) as exc:  # clutter, and no reason to fail
                _left_behind(f"{attempt.wanted.role} {surplus.name} ({surplus.id})", exc)
        return winner

    # --- the provider, asked until it answers ---

    async def _search(self, wanted: Wanted) -> list[Found]:
        founds = await persist(lambda: self.backend.search(wanted.role))
        return [found for found in founds if found.name == wanted.name]

    async def _settle(self, found: Found) -> Found | None:
        return await persist(lambda: self.backend.settle(found, self.watch))

    async def _discard(self, attempt: _Attempt, made: Found) -> None:
        await persist(lambda: self.backend.discard(made, self.watch))
        attempt.made.pop(made.id, None)

    # --- and back ---

    async def undo(self) -> None:
        """Take away what this call made, newest first; never raises, and tells in `left` what stays."""
        self.failed_at = self.watch.doing
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self.backend.clean_up):
            while self.attempts:
                attempt = self.attempts[-1]
                try:
                    await self._undo_one(attempt)
                except Exception as exc:  # noqa: BLE001  -- whatever goes wrong here must not take the first error's place
                    self._leave(attempt, exc)
                self.attempts.pop()
        for attempt in [each for each in reversed(self.attempts) if each.made or each.unknown]:
            self._leave(attempt, trio.TooSlowError(f"not done in {self.backend.clean_up:g} s"))

    async def _undo_one(self, attempt: _Attempt) -> None:
        """Everything is tried; then the first thing that went wrong is raised."""
        failures: list[Exception] = []
        if attempt.unknown and not (self.backend.exact and attempt.made):
            try:
                await self._learn(attempt)
                attempt.unknown = False
            except Exception as exc:  # noqa: BLE001  -- see above
                failures.append(exc)
        for each in tuple(attempt.made.values()):
            try:
                await self._discard(attempt, each)
            except Exception as exc:  # noqa: BLE001  -- see above
                failures.append(exc)
        if failures:
            raise failures[0]

    async def _learn(self, attempt: _Attempt) -> None:
        """Find out what the creates without an answer came to."""
        if self.backend.exact:
            try:
                found = await persist(lambda: self.backend.create(attempt.wanted, attempt.token))
            except NameTaken:
                return  # by somebody else: ours was never made
            attempt.made[found.id] = found
            return
        attempt.made.update({each.id: each for each in await self._with_token(attempt)})
        if not attempt.made:
            await trio.sleep(LATE)
            attempt.made.update({each.id: each for each in await self._with_token(attempt)})

    def _leave(self, attempt: _Attempt, exc: BaseException) -> None:
        self.left.append(str(attempt))
        _left_behind(str(attempt), exc)


def _left_behind(what: str, exc: BaseException) -> None:
    _log.error("provision.left_behind", what=what, error=f"{type(exc).__name__}: {exc}")
