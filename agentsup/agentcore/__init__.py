"""Bedrock AgentCore: `Client` for harnesses and what is around them, the credentials it works with, and its errors.

Sessions that talk and run your tools are `agentsup.BedrockAgentCore` and a runtime.
"""

from agentsup.agentcore.artifacts import Artifact, Artifacts, CommandFailed
from agentsup.agentcore.client import Client
from agentsup.agentcore.commands import CommandResult
from agentsup.agentcore.errors import CredentialsExpired, QuotaExceeded, RuntimeFailed, TokenReused
from agentsup.agentcore.values import Harness, HarnessEndpoint, HarnessVersion
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
from agentsup.providers.agentcore.overrides import Overrides
from agentsup.providers.aws.chain import DefaultChain
from agentsup.providers.aws.credentials import Credentials, CredentialSource, NoCredentials
from agentsup.wire.agentcore.commands import Exit, Output

__all__ = [
    "OMIT",
    "ApiError",
    "Artifact",
    "Artifacts",
    "AuthenticationFailed",
    "BadRequest",
    "Client",
    "CommandFailed",
    "CommandResult",
    "Conflict",
    "ConnectionFailed",
    "CredentialSource",
    "Credentials",
    "CredentialsExpired",
    "DefaultChain",
    "Exit",
    "Harness",
    "HarnessEndpoint",
    "HarnessVersion",
    "Listing",
    "NoCredentials",
    "NotFound",
    "Output",
    "Overrides",
    "Page",
    "PermissionDenied",
    "QuotaExceeded",
    "RateLimited",
    "RuntimeFailed",
    "ServerError",
    "TokenReused",
    "UnreadableAnswer",
]
