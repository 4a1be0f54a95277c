"""Who may knock: any key in either header, and the beta header that makes an endpoint exist."""

from __future__ import annotations

from agentsup.sim.exchange import Request
from agentsup.sim.refusal import Refused

MANAGED_AGENTS = "managed-agents-"
AGENT_MEMORY = "agent-memory-"


def check_key(request: Request) -> None:
    """Any API key will do, as `x-api-key` or `Authorization: Bearer`.

    Raises:
        Refused: 401, there is none.
    """
    scheme, _, token = request.header("authorization").partition(" ")
    if not request.header("x-api-key").strip() and not (scheme.lower() == "bearer" and token.strip()):
        raise Refused(401, "an API key is needed, as x-api-key or as Authorization: Bearer")


def _needs_beta(request: Request, *known: str) -> None:
    check_key(request)
    asked = [beta.strip() for beta in request.header("anthropic-beta").split(",")]
    if not any(beta.startswith(known) for beta in asked):
        raise Refused(404, f"no such path: {request.path} (without an anthropic-beta header of {known[0]}...)")


def managed_agents(request: Request) -> None:
    """A key, and a managed-agents beta header of any date.

    Raises:
        Refused: 401 without a key; 404 without the header, as the endpoint does not exist then.
    """
    _needs_beta(request, MANAGED_AGENTS)


def agent_memory(request: Request) -> None:
    """A key, and a beta header for memory stores or managed agents.

    Raises:
        Refused: 401 without a key; 404 without the header.
    """
    _needs_beta(request, AGENT_MEMORY, MANAGED_AGENTS)
