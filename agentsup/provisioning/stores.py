"""Where it is remembered what was provisioned: key to a small JSON object.

A store may forget: then the provider is asked. It never blocks provisioning: one that fails, or does not answer, counts as empty.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary


class Store(Protocol):
    """Four methods over text keys; each happens wholly or not at all. Any error they raise counts as a miss and is logged."""

    async def get(self, key: str) -> Mapping[str, Any] | None:
        """The value, None if there is none."""

    async def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep the value, a JSON object, in place of any before it."""

    async def delete(self, key: str) -> None:
        """Forget it; forgetting what is not there is fine."""

    async def scan(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        """Every key that begins so, with its value."""


class MemoryStore:
    """Remembers as long as it lives. Any number of tasks, also in different threads, may use one."""

    def __init__(self) -> None:
        self._kept: dict[str, Mapping[str, Any]] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._kept)}>"

    async def get(self, key: str) -> Mapping[str, Any] | None:
        """The value, None if there is none."""
        return copy.deepcopy(self._kept.get(key))

    async def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep the value."""
        self._kept[key] = copy.deepcopy(value)

    async def delete(self, key: str) -> None:
        """Forget it."""
        self._kept.pop(key, None)

    async def scan(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        """Every key that begins so, with its value."""
        return {key: copy.deepcopy(value) for key, value in tuple(self._kept.items()) if key.startswith(prefix)}


_of_the_process = MemoryStore()
_of_clients: WeakKeyDictionary[object, MemoryStore] = WeakKeyDictionary()


def default_store(http: object | None) -> Store:
    """The process's own store; each HTTP client that was given has one for itself, for who knows where it leads."""
    if http is None:
        return _of_the_process
    try:
        return _of_clients.setdefault(http, MemoryStore())
    except TypeError:  # cannot be referred to weakly, or has no hash: then nothing is remembered
        return MemoryStore()
