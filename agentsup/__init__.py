"""Supervised LLM agent sessions for long-running trio services, modelled on OTP.

The names here are the ones to use; `agentsup.otp` is the kernel, usable without any LLM, and `agentsup.testing` the kit for your tests.
"""

from __future__ import annotations

from agentsup import otp
from agentsup.errors import AgentsupError, AlreadyStarted, NotFound, Problem, SpecError
from agentsup.ids import CallId, Cursor, ProviderSessionId, RequestId, SessionId
from agentsup.providers.managed import ClaudeManagedAgents
from agentsup.providers.reconnect import Reconnect
from agentsup.runtime import Runtime, open_runtime, run, session_child
from agentsup.session.client import SessionRef, TextStream
from agentsup.session.errors import (
    Interrupted,
    NoSuchSession,
    ProviderFailed,
    RequestClosed,
    RequestFailed,
    RequestTimeout,
    SessionClosed,
    ToolError,
    TurnLimitReached,
)
from agentsup.session.spec import Limits, Restart, SessionSpec
from agentsup.session.status import Status
from agentsup.session.subscription import SubscriberTooSlow, Subscription
from agentsup.session.tool import Tool, tool
from agentsup.talk.content import Text
from agentsup.talk.events import SessionEvent
from agentsup.talk.result import SessionResult, Turn
from agentsup.talk.tools import SessionInfo, ToolResult, ToolSpec, ToolUse
from agentsup.talk.usage import Usage
from agentsup.wire.errors import LocalProtocolError, RemoteProtocolError

__version__ = "0.1.0"

__all__ = [
    "AgentsupError",
    "AlreadyStarted",
    "CallId",
    "ClaudeManagedAgents",
    "Cursor",
    "Interrupted",
    "Limits",
    "LocalProtocolError",
    "NoSuchSession",
    "NotFound",
    "Problem",
    "ProviderFailed",
    "ProviderSessionId",
    "Reconnect",
    "RemoteProtocolError",
    "RequestClosed",
    "RequestFailed",
    "RequestId",
    "RequestTimeout",
    "Restart",
    "Runtime",
    "SessionClosed",
    "SessionEvent",
    "SessionId",
    "SessionInfo",
    "SessionRef",
    "SessionResult",
    "SessionSpec",
    "SpecError",
    "Status",
    "SubscriberTooSlow",
    "Subscription",
    "Text",
    "TextStream",
    "Tool",
    "ToolError",
    "ToolResult",
    "ToolSpec",
    "ToolUse",
    "Turn",
    "TurnLimitReached",
    "Usage",
    "__version__",
    "open_runtime",
    "otp",
    "run",
    "session_child",
    "tool",
]
