"""What a store remembers, read and written as values: resources under their names, and tags.

Anything that goes wrong here (a store that raises, one that does not answer, an entry that was not written by us) is a miss and a warning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import attrs
import structlog
import trio

from agentsup.provisioning.backend import Resource, Wanted
from agentsup.provisioning.stores import Store

_log = structlog.get_logger("agentsup.provisioning")

T = TypeVar("T")

STORE_PATIENCE = 10.0
"""Seconds one operation of a store may take; a slower one counts as failed."""

TRUSTED = 300.0
"""Seconds for which an entry is taken at its word. An older one may have been archived meanwhile: the provider is asked about it first."""

_TEXTS = ("role", "id", "name", "base", "digest")


@attrs.frozen
class Remembered:
    """A resource, and whether the entry is young enough to go without a question."""

    resource: Resource
    trusted: bool


@attrs.define(eq=False)
class Recall:
    """A store's entries in one scope."""

    store: Store
    scope: str
    clock: Callable[[], float]
    """Seconds since the epoch: entries outlive processes."""

    async def resource(self, wanted: Wanted) -> Remembered | None:
        """What is remembered under the wanted name."""
        entry = await self._tried("get", lambda: self.store.get(self._key(wanted.role, wanted.name)))
        found = _resource(entry)
        if entry is None or found is None or found.name != wanted.name or found.role != wanted.role:
            return None
        seen_at = entry.get("seen_at")
        age = self.clock() - seen_at if isinstance(seen_at, int | float) else -1.0
        # An entry from the future was written by a clock that was wrong, or by hand.
        return Remembered(attrs.evolve(found, base=wanted.base), trusted=0.0 <= age < TRUSTED)

    async def keep(self, resources: Sequence[Resource]) -> None:
        """Remember these, as seen now."""
        for each in resources:
            entry = {**attrs.asdict(each), "seen_at": self.clock()}
            key = self._key(each.role, each.name)
            await self._tried("put", lambda key=key, entry=entry: self.store.put(key, entry))  # type: ignore[misc]  # bound now

    async def forget(self, resource: Resource) -> None:
        """Remember it no longer, nor any tag on a handle that has it."""
        key = self._key(resource.role, resource.name)
        await self._tried("delete", lambda: self.store.delete(key))
        for tag_key, entry in (await self._tried("scan", lambda: self.store.scan(self._key("tag"))) or {}).items():
            if any(held.id == resource.id for held in _held(entry)):
                await self._tried("delete", lambda tag_key=tag_key: self.store.delete(tag_key))  # type: ignore[misc]

    async def tag(self, base: str, tag: str, resources: Sequence[Resource]) -> None:
        """Let the tag stand for these from now on. Unlike the rest this raises what the store raises: a tag has no other home."""
        entry = {"resources": [attrs.asdict(each) for each in resources]}
        await self.store.put(self._key("tag", base, tag), entry)

    async def tagged(self, base: str, tag: str) -> tuple[Resource, ...]:
        """What the tag stands for; nothing if it is unknown. Raises what the store raises."""
        return _held(await self.store.get(self._key("tag", base, tag)))

    async def protected(self) -> frozenset[str]:
        """The ids of everything that a tag stands for. Raises what the store raises: what cannot be read protects nothing."""
        entries = await self.store.scan(self._key("tag"))
        return frozenset(held.id for entry in entries.values() for held in _held(entry))

    def _key(self, *parts: str) -> str:
        """Parts quoted, so that no two lists of parts make one key."""
        return "".join(f"{quote(part, safe='')}/" for part in (self.scope, *parts))

    async def _tried(self, verb: str, call: Callable[[], Awaitable[T]]) -> T | None:
        try:
            with trio.move_on_after(STORE_PATIENCE) as scope:
                return await call()
        except Exception as exc:  # noqa: BLE001  -- a store is the user's code, and only a cache: nothing it does may be in the way
            _log.warning("provision.store_failed", store=repr(self.store), verb=verb, error=type(exc).__name__)
            return None
        if scope.cancelled_caught:
            _log.warning("provision.store_failed", store=repr(self.store), verb=verb, error="no answer in time")
        return None


def _held(entry: Mapping[str, Any] | None) -> tuple[Resource, ...]:
    """What a tag's entry stands for; nothing if it was not written by us."""
    listed = entry.get("resources") if isinstance(entry, Mapping) else None
    found = [_resource(each) for each in listed] if isinstance(listed, list) else []
    return tuple(each for each in found if each is not None) if None not in found else ()


def _resource(entry: object) -> Resource | None:
    """The entry as a resource; None if it was not written by us."""
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(field), str) for field in _TEXTS):
        return None
    arn = entry.get("arn")
    if arn is not None and not isinstance(arn, str):
        return None
    return Resource(arn=arn, **{field: entry[field] for field in _TEXTS})
