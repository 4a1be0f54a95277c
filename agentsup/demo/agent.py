"""The agent and the environment the demo makes for itself at the provider, and takes down again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import structlog
import trio

from agentsup.errors import AgentsupError
from agentsup.providers.http_errors import check_status, translated
from agentsup.providers.managed import ClaudeManagedAgents
from agentsup.providers.transport import own_client
from agentsup.session.tool import Tool
from agentsup.wire.managed import requests

MODEL: Final = "claude-haiku-5-5"
"""Small and quick: the questions are easy."""

SYSTEM: Final = (
    "You are asked about a part of a folder on the user's machine. Look with your tools and answer briefly, "
    "with nothing in it that a tool did not tell you."
)

TAKE_DOWN_BUDGET: Final = 10.0
"""Seconds for archiving what was made, also after Ctrl-C."""

CLOSE_BUDGET: Final = 1.0
"""Seconds for closing the connections it was done over."""

_log = structlog.get_logger("agentsup.demo")


@attrs.frozen
class Account:
    """Where the provider is, and as whom."""

    base_url: str
    api_key: str = attrs.field(repr=False)


@asynccontextmanager
async def made_agent(
    account: Account, tools: Sequence[Tool], *, model: str = MODEL
) -> AsyncIterator[ClaudeManagedAgents]:
    """A new agent that has these tools, in a new environment; in the end both are archived, and the agent's sessions before them.

    What cannot be archived is logged and left: it does nothing there.

    Args:
        account: Where, and as whom.
        tools: What the agent is told it has.
        model: The model it runs on.

    Raises:
        Unavailable: the provider could not be reached.
        Rejected: it refused.
    """
    desk = _Desk(account)
    try:
        await desk.set_up(model, tools)
        yield ClaudeManagedAgents(
            agent=desk.agent, environment=desk.environment, base_url=account.base_url, api_key=account.api_key
        )
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + TAKE_DOWN_BUDGET):
            await desk.take_down()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_BUDGET):
            await desk.aclose()


def _told(tool: Tool) -> dict[str, Any]:
    """A tool as the provider wants it declared (agents API, custom tools)."""
    spec = tool.spec
    return {
        "type": "custom",
        "name": spec.name,
        "description": spec.description,
        "input_schema": dict(spec.input_schema),
    }


class _Desk:
    """The provider's control plane, as far as the demo needs it."""

    def __init__(self, account: Account) -> None:
        self._base_url = account.base_url.rstrip("/")
        self._headers = requests.headers(account.api_key)
        self._http = own_client()
        self.environment: str | None = None
        self.agent: str | None = None

    async def set_up(self, model: str, tools: Sequence[Tool]) -> None:
        """Make the environment, then the agent."""
        self.environment = await self._make("environments", {"name": "agentsup-demo", "config": {"type": "cloud"}})
        body = {"name": "agentsup-demo", "model": model, "system": SYSTEM, "tools": [_told(tool) for tool in tools]}
        self.agent = await self._make("agents", body)

    async def take_down(self) -> None:
        """Archive what was made, in the opposite order."""
        try:
            if self.agent is not None:
                for session in await self._sessions_of(self.agent):
                    await self._archive(f"sessions/{session}")
                await self._archive(f"agents/{self.agent}")
            if self.environment is not None:
                await self._archive(f"environments/{self.environment}")
        except AgentsupError as exc:
            _log.warning("demo.not_archived", agent=self.agent, environment=self.environment, reason=str(exc))

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _make(self, kind: str, body: Mapping[str, Any]) -> str:
        made = await self._call("POST", f"/v1/{kind}", json=body)
        return str(made["id"])

    async def _sessions_of(self, agent: str) -> list[str]:
        page = await self._call("GET", "/v1/sessions", params={"agent_id": agent, "limit": "100"})
        return [str(row["id"]) for row in page["data"]]

    async def _archive(self, path: str) -> None:
        await self._call("POST", f"/v1/{path}/archive")

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        what = f"{method} {path}"
        with translated(what):
            response = await self._http.request(
                method, self._base_url + path, headers=self._headers, timeout=30.0, **options
            )
        check_status(response, response.content, what)
        return response.json()
