"""Provisioning at Claude Managed Agents: an agent and an environment, two things with ids of their own.

The service has no word on whether a name may be had twice, and repeats no create by a token. So each create carries a token in the metadata,
by which one that went unanswered is found in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agentsup import claude
from agentsup.errors import Problem, SpecError
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning.backend import Backend, Found, NameTaken, Resource, Role, Wanted, Watch
from agentsup.provisioning.claude_door import client_of, translated, who_asks
from agentsup.provisioning.declarations import content_of
from agentsup.provisioning.names import NameRule
from agentsup.provisioning.runtimes import with_hosts
from agentsup.provisioning.specs import AgentSpec, EnvironmentSpec
from agentsup.wire.managed.files import epoch

TOKEN_KEY: Final = "agentsup_token"  # noqa: S105  -- the name of a metadata key, not a secret
"""Metadata under which a create that went unanswered is found again."""

DIGEST_KEY: Final = "agentsup_digest"
"""Metadata that tells people at the provider's console what the name says, too."""

MOST_TOOLS: Final = 256
MOST_SYSTEM_CHARS: Final = 100_000
MOST_DESCRIPTION_CHARS: Final = 2048
MOST_METADATA: Final = 16 - 2
"""Pairs; two are ours."""

PAGE: Final = 100
"""Rows asked for at once: the most that the lists give."""

_EXTRA = ("execution_identity", "mcp_servers", "metadata", "multiagent", "skills")
"""What `AgentSpec.extra` can have here."""


class ClaudeBackend:
    """Agents and environments of one account."""

    kind = "claude-managed-agents"
    roles: Sequence[Role] = ("agent", "environment")
    rule = NameRule(longest=256)
    patience = 120.0
    clean_up = 30.0
    exact = False

    def __init__(self, client: claude.Client, scope: str) -> None:
        self._client = client
        self.scope = scope

    def __repr__(self) -> str:
        return f"<ClaudeBackend of {self.scope}>"

    def plan(self, agent: AgentSpec | None, environment: EnvironmentSpec | None) -> Sequence[Wanted]:
        """The agent, then the environment.

        Raises:
            SpecError: the service would refuse one of them; every problem is listed.
        """
        problems = [*_agent_problems(agent, self.rule), *_environment_problems(environment, self.rule)]
        if problems:
            raise SpecError(problems)
        wanted = []
        if agent is not None:
            wanted.append(self._wanted("agent", agent.name, agent.digest, _agent_body(agent)))
        if environment is not None:
            body = _environment_body(environment)
            wanted.append(self._wanted("environment", environment.name, environment.digest, body))
        return wanted

    async def create(self, wanted: Wanted, token: str) -> Found:
        """Have it made, with the token in its metadata.

        Raises:
            NameTaken: the service has that name already.
        """
        metadata = {**wanted.body.get("metadata", {}), DIGEST_KEY: wanted.digest, TOKEN_KEY: token}
        body = {**wanted.body, "name": wanted.name, "metadata": metadata}
        try:
            with translated():
                return _found(wanted.role, await self._group(wanted.role).create(**body))
        except Unavailable as exc:
            if isinstance(exc.__cause__, claude.Conflict):
                raise NameTaken(f"the name {wanted.name} is taken") from exc
            raise

    async def search(self, role: Role) -> Sequence[Found]:
        """All of them, archived ones included."""
        with translated():
            return [_found(role, row) async for row in self._group(role).list(include_archived=True, limit=PAGE)]

    async def settle(self, found: Found | Resource, watch: Watch) -> Found | None:
        """There is nothing to wait for here: what is made can be used at once. What is only remembered is looked at."""
        if isinstance(found, Found) and found.state == "ready":
            return found
        try:
            with translated():
                seen = _found(found.role, await self._group(found.role).get(found.id))
        except Rejected as exc:
            if exc.failure.status == 404:
                return None
            raise
        watch.saw(seen.state, phase="ready")
        return seen if seen.state == "ready" else None

    async def discard(self, found: Found | Resource, watch: Watch) -> None:
        """Archive it: agents cannot be deleted, and environments not while a session refers to them."""
        try:
            with translated():
                await self._group(found.role).archive(found.id)
        except Rejected as exc:
            if exc.failure.status != 404:
                raise

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        await self._client.aclose()

    def _wanted(self, role: Role, base: str, digest: str, body: Mapping[str, Any]) -> Wanted:
        return Wanted(role=role, base=base, digest=digest, name=self.rule.compose(base, digest), body=body)

    def _group(self, role: Role) -> Any:
        return self._client.agents if role == "agent" else self._client.environments


def backend_of(provider: Any) -> Backend:
    """The backend of a `ClaudeManagedAgents` value: same address, same credentials, same HTTP client.

    Raises:
        SpecError: something is missing or cannot be used.
    """
    client = client_of(provider)
    return ClaudeBackend(client, f"{ClaudeBackend.kind} {client.base_url} {who_asks(provider)}")


def _found(role: Role, row: claude.Agent | claude.Environment) -> Found:
    token = row.metadata.get(TOKEN_KEY)
    return Found(
        role=role,
        id=row.id,
        name=row.name,
        state="ready" if row.archived_at is None else "archived",
        created_at=epoch(row.created_at),
        token=token if isinstance(token, str) else None,
    )


# --- bodies ------------------------------------------------------------------------------------------------------------------------


def _agent_body(spec: AgentSpec) -> dict[str, Any]:
    """What is said of the agent; what the spec does not say is left to the service."""
    told = {
        "model": spec.model,
        "system": spec.system_prompt,
        "description": spec.description,
        "tools": [content_of(item) for item in spec.tools],
    }
    return {**{field: value for field, value in told.items() if value}, **spec.extra}


def _environment_body(spec: EnvironmentSpec) -> dict[str, Any]:
    config = {"type": "cloud", **spec.settings}
    if isinstance(config.get("packages"), Mapping):
        config["packages"] = {"type": "packages", **config["packages"]}
    return {"config": with_hosts(config, spec.runtimes)}


def _agent_problems(spec: AgentSpec | None, rule: NameRule) -> Iterable[Problem]:
    if spec is None:
        return
    yield from rule.problems(spec.name, "agent.name")
    if spec.model is None:
        yield Problem("agent.model", "is missing: Claude Managed Agents wants to know which model")
    if len(spec.system_prompt) > MOST_SYSTEM_CHARS:
        yield Problem("agent.system_prompt", f"must have at most {MOST_SYSTEM_CHARS} characters")
    if len(spec.description) > MOST_DESCRIPTION_CHARS:
        yield Problem("agent.description", f"must have at most {MOST_DESCRIPTION_CHARS} characters")
    if len(spec.tools) > MOST_TOOLS:
        yield Problem("agent.tools", f"must be at most {MOST_TOOLS}")
    for field in spec.extra.keys() - set(_EXTRA):
        yield Problem(f"agent.extra.{field}", f"is no field here; there are {', '.join(_EXTRA)}")
    metadata = spec.extra.get("metadata", {})
    if not isinstance(metadata, Mapping) or not all(isinstance(value, str) for value in metadata.values()):
        yield Problem("agent.extra.metadata", "must be a mapping of text to text")
    elif len(metadata) > MOST_METADATA:
        yield Problem("agent.extra.metadata", f"must have at most {MOST_METADATA} pairs, for two more are added")


def _environment_problems(spec: EnvironmentSpec | None, rule: NameRule) -> Iterable[Problem]:
    if spec is None:
        return
    yield from rule.problems(spec.name, "environment.name")
    if spec.settings.get("type", "cloud") not in ("cloud", "self_hosted"):
        yield Problem("environment.config.type", "must be 'cloud' or 'self_hosted'")
