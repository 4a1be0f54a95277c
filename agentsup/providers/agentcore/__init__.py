"""Bedrock AgentCore harnesses: the loop runs at the provider, one signed invoke per turn, answered by an event stream."""

from __future__ import annotations

from agentsup.providers.agentcore.driver import HarnessDriver
from agentsup.providers.agentcore.overrides import Overrides
from agentsup.providers.agentcore.provider import BedrockAgentCore

__all__ = ["BedrockAgentCore", "HarnessDriver", "Overrides"]
