"""The control plane of Claude Managed Agents: `Client`, what it returns, and its errors.

Sessions that talk and run your tools are `agentsup.ClaudeManagedAgents` and a runtime; this is for everything around them.
"""

from agentsup.claude.agents import Agent, Model
from agentsup.claude.client import Client
from agentsup.claude.environments import Environment
from agentsup.claude.errors import (
    ApiError,
    AuthenticationFailed,
    BadRequest,
    Conflict,
    ConnectionFailed,
    ContentTooLarge,
    NotFound,
    Overloaded,
    PaymentRequired,
    PermissionDenied,
    PreconditionFailed,
    RateLimited,
    RequestTimedOut,
    ServerError,
    Unprocessable,
    UnreadableAnswer,
)
from agentsup.claude.files import File, FileScope
from agentsup.claude.omit import OMIT
from agentsup.claude.pages import Listing, Page
from agentsup.claude.sessions import OutcomeEvaluation, Session, SessionStats, SessionUsage
from agentsup.claude.thing import Deleted, Thing

__all__ = [
    "OMIT",
    "Agent",
    "ApiError",
    "AuthenticationFailed",
    "BadRequest",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "ContentTooLarge",
    "Deleted",
    "Environment",
    "File",
    "FileScope",
    "Listing",
    "Model",
    "NotFound",
    "OutcomeEvaluation",
    "Overloaded",
    "Page",
    "PaymentRequired",
    "PermissionDenied",
    "PreconditionFailed",
    "RateLimited",
    "RequestTimedOut",
    "ServerError",
    "Session",
    "SessionStats",
    "SessionUsage",
    "Thing",
    "Unprocessable",
    "UnreadableAnswer",
]
