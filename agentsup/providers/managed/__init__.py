"""Claude Managed Agents: the loop runs at the provider, events come by server-sent events, inputs go by POST."""

from __future__ import annotations

from agentsup.providers.managed.driver import ManagedDriver
from agentsup.providers.managed.provider import ClaudeManagedAgents

__all__ = ["ClaudeManagedAgents", "ManagedDriver"]
