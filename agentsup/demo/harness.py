"""The harness the demo makes for itself at the simulated Bedrock AgentCore, and takes down again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import attrs
import structlog
import trio

from agentsup.agentcore import Credentials
from agentsup.demo.agent import SYSTEM, TAKE_DOWN_BUDGET
from agentsup.errors import AgentsupError
from agentsup.providers.agentcore import BedrockAgentCore
from agentsup.provisioning.handle import Handle
from agentsup.provisioning.provide import provision
from agentsup.provisioning.retire import teardown
from agentsup.provisioning.specs import AgentSpec
from agentsup.session.tool import Tool

REGION: Final = "us-east-1"

MODEL: Final = "us.amazon.nova-lite-v1:0"
"""Nobody is asked: the simulator has no models."""

ROLE: Final = "arn:aws:iam::123456789012:role/agentsup-demo"

KEYS: Final = Credentials(
    access_key_id="AKIDEXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",  # noqa: S106  -- AWS's own example, and the simulator's one pair
)

_log = structlog.get_logger("agentsup.demo")


@asynccontextmanager
async def made_harness(address: str, tools: Sequence[Tool]) -> AsyncIterator[BedrockAgentCore]:
    """A new harness whose agent has these tools; in the end it is deleted, and its sessions with it.

    Args:
        address: The simulator's.
        tools: What the agent is told it has.

    Raises:
        ProvisionFailed: it could not be made; nothing is left of it.
    """
    bare = BedrockAgentCore(region=REGION, credentials=KEYS, endpoint_url=address)
    extra = {"execution_role_arn": ROLE, "memory": {"disabled": {}}}
    spec = AgentSpec(name="agentsup_demo", model=MODEL, system_prompt=SYSTEM, tools=tools, extra=extra)
    handle = await provision(bare, spec)
    try:
        yield attrs.evolve(bare, harness=handle)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + TAKE_DOWN_BUDGET):
            await _take_down(handle)


async def _take_down(handle: Handle) -> None:
    try:
        await teardown(handle)
    except AgentsupError as exc:
        _log.warning("demo.not_deleted", harness=handle.harness_id, reason=str(exc))
