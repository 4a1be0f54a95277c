"""Supervised LLM agent sessions for long-running trio services, modelled on OTP.

The names here are the ones to use; `agentsup.otp` is the kernel, usable without any LLM, and `agentsup.testing` the kit for your tests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentsup import agentcore, claude, otp, provisioning
    from agentsup.errors import AgentsupError, AlreadyStarted, NotFound, Problem, SpecError
    from agentsup.ids import CallId, Cursor, ProviderSessionId, RequestId, SessionId
    from agentsup.journal.base import Stored
    from agentsup.journal.errors import Fenced, StoreBusy, StoreCorrupt, StoreError, StoreFailed
    from agentsup.journal.store import SQLiteStore
    from agentsup.providers.agentcore.provider import BedrockAgentCore
    from agentsup.providers.managed.provider import ClaudeManagedAgents
    from agentsup.providers.reconnect import Reconnect
    from agentsup.provisioning.artifacts import Artifacts
    from agentsup.provisioning.errors import (
        ArtifactFailed,
        NameConflict,
        NoSuchArtifact,
        OnlyArchived,
        PartlyFailed,
        ProvisionFailed,
        ProvisionTimeout,
        UnknownTag,
    )
    from agentsup.provisioning.handle import Handle
    from agentsup.provisioning.provide import ensure_agent, ensure_environment, provision
    from agentsup.provisioning.retire import prune, teardown
    from agentsup.provisioning.specs import AgentSpec, EnvironmentSpec
    from agentsup.provisioning.tags import resolve, tag
    from agentsup.running import run
    from agentsup.runtime import Runtime, open_runtime, session_child
    from agentsup.session.approval import Allow, Deny
    from agentsup.session.client import SessionRef
    from agentsup.session.errors import (
        BudgetExceeded,
        Halted,
        Interrupted,
        NoSuchCall,
        NoSuchSession,
        ProviderFailed,
        RequestClosed,
        RequestFailed,
        RequestTimeout,
        SessionClosed,
        StreamError,
        ToolError,
        TurnLimitReached,
    )
    from agentsup.session.judge import GoOn, Halt, TurnReport
    from agentsup.session.past import PastSession
    from agentsup.session.services import Unrecovered
    from agentsup.session.spec import Restart, SessionSpec
    from agentsup.session.status import Status
    from agentsup.session.subscription import SubscriberTooSlow, Subscription
    from agentsup.session.text_stream import TextStream
    from agentsup.session.tool import Tool, tool
    from agentsup.talk.artifact import Artifact
    from agentsup.talk.content import Document, Image, SearchResult, Text
    from agentsup.talk.events import SessionEvent
    from agentsup.talk.limits import Limits
    from agentsup.talk.outcome import Evaluation, FileRubric, Outcome
    from agentsup.talk.result import SessionResult, Turn
    from agentsup.talk.tools import SessionInfo, ToolResult, ToolSpec, ToolUse
    from agentsup.talk.usage import Usage
    from agentsup.wire.errors import LocalProtocolError, RemoteProtocolError

__version__ = "0.1.0"

__all__ = [
    "AgentSpec",
    "AgentsupError",
    "Allow",
    "AlreadyStarted",
    "Artifact",
    "ArtifactFailed",
    "Artifacts",
    "BedrockAgentCore",
    "BudgetExceeded",
    "CallId",
    "ClaudeManagedAgents",
    "Cursor",
    "Deny",
    "Document",
    "EnvironmentSpec",
    "Evaluation",
    "Fenced",
    "FileRubric",
    "GoOn",
    "Halt",
    "Halted",
    "Handle",
    "Image",
    "Interrupted",
    "Limits",
    "LocalProtocolError",
    "NameConflict",
    "NoSuchArtifact",
    "NoSuchCall",
    "NoSuchSession",
    "NotFound",
    "OnlyArchived",
    "Outcome",
    "PartlyFailed",
    "PastSession",
    "Problem",
    "ProviderFailed",
    "ProviderSessionId",
    "ProvisionFailed",
    "ProvisionTimeout",
    "Reconnect",
    "RemoteProtocolError",
    "RequestClosed",
    "RequestFailed",
    "RequestId",
    "RequestTimeout",
    "Restart",
    "Runtime",
    "SQLiteStore",
    "SearchResult",
    "SessionClosed",
    "SessionEvent",
    "SessionId",
    "SessionInfo",
    "SessionRef",
    "SessionResult",
    "SessionSpec",
    "SpecError",
    "Status",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFailed",
    "Stored",
    "StreamError",
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
    "TurnReport",
    "UnknownTag",
    "Unrecovered",
    "Usage",
    "__version__",
    "agentcore",
    "claude",
    "ensure_agent",
    "ensure_environment",
    "open_runtime",
    "otp",
    "provision",
    "provisioning",
    "prune",
    "resolve",
    "run",
    "session_child",
    "tag",
    "teardown",
    "tool",
]

_HOMES = {
    "agentsup.errors": (
        "AgentsupError",
        "AlreadyStarted",
        "NotFound",
        "Problem",
        "SpecError",
    ),
    "agentsup.ids": (
        "CallId",
        "Cursor",
        "ProviderSessionId",
        "RequestId",
        "SessionId",
    ),
    "agentsup.journal.base": ("Stored",),
    "agentsup.journal.errors": (
        "Fenced",
        "StoreBusy",
        "StoreCorrupt",
        "StoreError",
        "StoreFailed",
    ),
    "agentsup.journal.store": ("SQLiteStore",),
    "agentsup.providers.agentcore.provider": ("BedrockAgentCore",),
    "agentsup.providers.managed.provider": ("ClaudeManagedAgents",),
    "agentsup.providers.reconnect": ("Reconnect",),
    "agentsup.provisioning.artifacts": ("Artifacts",),
    "agentsup.provisioning.errors": (
        "ArtifactFailed",
        "NoSuchArtifact",
        "NameConflict",
        "OnlyArchived",
        "PartlyFailed",
        "ProvisionFailed",
        "ProvisionTimeout",
        "UnknownTag",
    ),
    "agentsup.provisioning.handle": ("Handle",),
    "agentsup.provisioning.provide": (
        "ensure_agent",
        "ensure_environment",
        "provision",
    ),
    "agentsup.provisioning.retire": (
        "prune",
        "teardown",
    ),
    "agentsup.provisioning.specs": (
        "AgentSpec",
        "EnvironmentSpec",
    ),
    "agentsup.provisioning.tags": (
        "resolve",
        "tag",
    ),
    "agentsup.running": ("run",),
    "agentsup.runtime": (
        "Runtime",
        "open_runtime",
        "session_child",
    ),
    "agentsup.session.approval": (
        "Allow",
        "Deny",
    ),
    "agentsup.session.client": ("SessionRef",),
    "agentsup.session.errors": (
        "BudgetExceeded",
        "Halted",
        "Interrupted",
        "NoSuchCall",
        "NoSuchSession",
        "ProviderFailed",
        "RequestClosed",
        "RequestFailed",
        "RequestTimeout",
        "SessionClosed",
        "StreamError",
        "ToolError",
        "TurnLimitReached",
    ),
    "agentsup.session.judge": (
        "GoOn",
        "Halt",
        "TurnReport",
    ),
    "agentsup.session.past": ("PastSession",),
    "agentsup.session.services": ("Unrecovered",),
    "agentsup.session.spec": (
        "Restart",
        "SessionSpec",
    ),
    "agentsup.session.status": ("Status",),
    "agentsup.session.subscription": (
        "SubscriberTooSlow",
        "Subscription",
    ),
    "agentsup.session.text_stream": ("TextStream",),
    "agentsup.session.tool": (
        "Tool",
        "tool",
    ),
    "agentsup.talk.artifact": ("Artifact",),
    "agentsup.talk.content": (
        "Document",
        "Image",
        "SearchResult",
        "Text",
    ),
    "agentsup.talk.events": ("SessionEvent",),
    "agentsup.talk.limits": ("Limits",),
    "agentsup.talk.outcome": (
        "Evaluation",
        "FileRubric",
        "Outcome",
    ),
    "agentsup.talk.result": (
        "SessionResult",
        "Turn",
    ),
    "agentsup.talk.tools": (
        "SessionInfo",
        "ToolResult",
        "ToolSpec",
        "ToolUse",
    ),
    "agentsup.talk.usage": ("Usage",),
    "agentsup.wire.errors": (
        "LocalProtocolError",
        "RemoteProtocolError",
    ),
}
"""Module to the names of the public face that live in it."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

_ROOMS = ("agentcore", "claude", "errors", "ids", "otp", "provisioning", "sim", "testing")
"""Modules that are names of the public face themselves."""

if not TYPE_CHECKING:  # a type checker believes the imports above, and would believe any name after seeing this

    def __getattr__(name: str) -> Any:
        # Imported when first used: who needs only the kernel loads no HTTP client, and the command takes a Ctrl-C from the start.
        if name in _ROOMS:
            return import_module(f"agentsup.{name}")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'agentsup' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
