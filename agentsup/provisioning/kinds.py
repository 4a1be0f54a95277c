"""From what a user names a provider by to what stands for it here: its backend, and its sessions' shelves.

A provider can be named by its value (`ClaudeManagedAgents(base_url=...)`), by its class, or by its kind as text (`"claude-managed-agents"`).
A value brings its address, credentials and HTTP client along; for class and text they come from the environment, then from the defaults, as they
would for a value with nothing in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from time import time as now
from typing import Any, Final

import attrs

from agentsup.errors import SpecError
from agentsup.provisioning.backend import Backend
from agentsup.provisioning.recall import Recall
from agentsup.provisioning.shelf import Shelf
from agentsup.provisioning.stores import Store, default_store


@attrs.frozen
class _Kind:
    """What belongs to a provider, as paths that are imported when first used."""

    provider: str
    """Its class."""
    backend: str
    """A function from a provider value to its backend."""
    shelf: str
    """A function from a provider value and a session's id to the session's shelf."""


_KINDS: Final = {
    "bedrock-agentcore": _Kind(
        provider="agentsup.providers.agentcore.provider:BedrockAgentCore",
        backend="agentsup.provisioning.agentcore:backend_of",
        shelf="agentsup.provisioning.agentcore_shelf:shelf_of",
    ),
    "claude-managed-agents": _Kind(
        provider="agentsup.providers.managed.provider:ClaudeManagedAgents",
        backend="agentsup.provisioning.claude:backend_of",
        shelf="agentsup.provisioning.claude_shelf:shelf_of",
    ),
}
"""Every kind there is."""


@attrs.frozen
class Target:
    """A provider, asked."""

    provider: Any
    """Its value, for the handle."""
    backend: Backend
    recall: Recall


@asynccontextmanager
async def asked(provider: Any, store: Store | None) -> AsyncIterator[Target]:
    """The provider's backend for as long as the block lasts. A backend that is passed itself stays open: it is its owner's.

    Raises:
        SpecError: there is no such provider, or it cannot be reached like that.
    """
    if store is not None and not _has(store, "get", "put", "delete", "scan"):
        raise SpecError.of("store", f"must be a store of `agentsup.provisioning`, or have its methods, not {store!r}")
    if _has(provider, "plan", "create", "search", "settle", "discard"):
        yield Target(provider, provider, Recall(store or default_store(provider), provider.scope, now))
        return
    value = _value(provider)
    backend: Backend = _named(_KINDS[value.kind].backend)(value)
    try:
        recall = Recall(store or default_store(getattr(value, "http", None)), backend.scope, now)
        yield Target(value, backend, recall)
    finally:
        await backend.aclose()


@asynccontextmanager
async def shelved(provider: Any, session_id: str) -> AsyncIterator[Shelf]:
    """A session's shelf at the provider, for as long as the block lasts. A shelf that is passed itself stays open: it is its owner's.

    Raises:
        SpecError: there is no such provider, or it cannot be reached like that.
    """
    if _has(provider, "entries", "read", "write", "remove"):
        yield provider
        return
    value = _value(provider)
    shelf: Shelf = _named(_KINDS[value.kind].shelf)(value, session_id)
    try:
        yield shelf
    finally:
        await shelf.aclose()


def _value(provider: Any) -> Any:
    if isinstance(provider, str):
        kind = provider.strip().lower().replace("_", "-")
        return _named(_KINDS[kind].provider)() if kind in _KINDS else _unknown(provider)
    if isinstance(provider, type):
        named = f"{provider.__module__}:{provider.__name__}"
        return provider() if named in {kind.provider for kind in _KINDS.values()} else _unknown(provider)
    return provider if getattr(provider, "kind", None) in _KINDS else _unknown(provider)


def _unknown(provider: Any) -> Any:
    known = " or ".join(repr(kind) for kind in _KINDS)
    named = repr(provider) if isinstance(provider, str | type) else type(provider).__name__
    raise SpecError.of(
        "provider", f"must be a provider value or class that can be provisioned, or its kind, {known}; not {named}"
    )


def _has(provider: Any, *verbs: str) -> bool:
    """Whether it is an object (not a class) that knows these verbs."""
    return not isinstance(provider, type) and all(callable(getattr(provider, verb, None)) for verb in verbs)


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
