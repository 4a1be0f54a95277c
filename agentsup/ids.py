"""Ids as types of their own, so that one kind cannot be handed where another is meant."""

from __future__ import annotations

from typing import NewType

SessionId = NewType("SessionId", str)
"""The id a user gave a session: its name in the registry."""

ProviderSessionId = NewType("ProviderSessionId", str)
"""The id under which the provider knows the session."""

RequestId = NewType("RequestId", str)
"""One accepted input and all it causes; `SessionRef.message` returns it as the message id."""

CallId = NewType("CallId", str)
"""One tool call, as the provider names it; the idempotency key a tool is given."""

Cursor = NewType("Cursor", int)
"""A place in a session's event sequence: the number of the last event before it, starting at 0."""
