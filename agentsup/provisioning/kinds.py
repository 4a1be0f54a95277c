"""From what a user names a provider by to its backend.

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
from agentsup.provisioning.stores import Store, default_store

_KINDS: Final = {
    "claude-managed-agents": (
        "agentsup.providers.managed:ClaudeManagedAgents",
        "agentsup.provisioning.claude:backend_of",
    ),
}
"""Kind to provider class, and to what makes a backend of a provider value; imported when first used."""


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
    if _is_backend(provider):
        yield Target(provider, provider, Recall(store or default_store(provider), provider.scope, now))
        return
    value = _value(provider)
    backend: Backend = _named(_KINDS[value.kind][1])(value)
    try:
        recall = Recall(store or default_store(getattr(value, "http", None)), backend.scope, now)
        yield Target(value, backend, recall)
    finally:
        await backend.aclose()


def _value(provider: Any) -> Any:
    if isinstance(provider, str):
        kind = provider.strip().lower().replace("_", "-")
        return _named(_KINDS[kind][0])() if kind in _KINDS else _unknown(provider)
    if isinstance(provider, type):
        named = f"{provider.__module__}:{provider.__name__}"
        return provider() if named in {path for path, _ in _KINDS.values()} else _unknown(provider)
    return provider if getattr(provider, "kind", None) in _KINDS else _unknown(provider)


def _unknown(provider: Any) -> Any:
    known = " or ".join(repr(kind) for kind in _KINDS)
    named = repr(provider) if isinstance(provider, str | type) else type(provider).__name__
    raise SpecError.of(
        "provider", f"must be a provider value or class that can be provisioned, or its kind, {known}; not {named}"
    )


def _is_backend(provider: Any) -> bool:
    return not isinstance(provider, type) and all(
        callable(getattr(provider, verb, None)) for verb in ("plan", "create", "search", "settle", "discard")
    )


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
