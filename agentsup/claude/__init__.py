"""The control plane of Claude Managed Agents: `Client`, what it returns, and its errors.

Sessions that talk and run your tools are `agentsup.ClaudeManagedAgents` and a runtime; this is for everything around them. `inputs` has a
builder for each event that can be sent, `catalogue` a class for each that can be heard.
"""

from agentsup.claude.agents import Agent, Model
from agentsup.claude.client import Client
from agentsup.claude.deployments import Deployment, DeploymentRun
from agentsup.claude.environments import Environment
from agentsup.claude.errors import (
    ContentTooLarge,
    Overloaded,
    PaymentRequired,
    PreconditionFailed,
    RequestTimedOut,
    Unprocessable,
)
from agentsup.claude.events import EventStream
from agentsup.claude.files import File, FileScope
from agentsup.claude.memories import Memory, MemoryVersion
from agentsup.claude.memory_stores import MemoryStore
from agentsup.claude.resources import SessionResource
from agentsup.claude.sessions import OutcomeEvaluation, Session, SessionStats, SessionUsage
from agentsup.claude.skills import Skill, SkillVersion
from agentsup.claude.thing import Deleted, Thing
from agentsup.claude.threads import Thread, ThreadStats
from agentsup.claude.vaults import Credential, CredentialValidation, Vault
from agentsup.claude.work import Heartbeat, QueueStats, Work
from agentsup.control.errors import (
    ApiError,
    AuthenticationFailed,
    BadRequest,
    Conflict,
    ConnectionFailed,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    UnreadableAnswer,
)
from agentsup.control.lists import Listing, Page
from agentsup.control.omit import OMIT
from agentsup.wire.managed import catalogue, inputs

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
    "Credential",
    "CredentialValidation",
    "Deleted",
    "Deployment",
    "DeploymentRun",
    "Environment",
    "EventStream",
    "File",
    "FileScope",
    "Heartbeat",
    "Listing",
    "Memory",
    "MemoryStore",
    "MemoryVersion",
    "Model",
    "NotFound",
    "OutcomeEvaluation",
    "Overloaded",
    "Page",
    "PaymentRequired",
    "PermissionDenied",
    "PreconditionFailed",
    "QueueStats",
    "RateLimited",
    "RequestTimedOut",
    "ServerError",
    "Session",
    "SessionResource",
    "SessionStats",
    "SessionUsage",
    "Skill",
    "SkillVersion",
    "Thing",
    "Thread",
    "ThreadStats",
    "Unprocessable",
    "UnreadableAnswer",
    "Vault",
    "Work",
    "catalogue",
    "inputs",
]
