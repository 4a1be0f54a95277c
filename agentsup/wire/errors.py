"""Whose fault a broken protocol is: told by the class, not by the message."""

from __future__ import annotations

from agentsup.errors import AgentsupError


class ProtocolError(AgentsupError):
    """Bytes or events that the protocol does not allow."""


class LocalProtocolError(ProtocolError):
    """We were about to say something the protocol does not allow: fix the call."""


class RemoteProtocolError(ProtocolError):
    """The other side said something the protocol does not allow: the connection is not to be trusted further."""
