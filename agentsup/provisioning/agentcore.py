"""Provisioning at Bedrock AgentCore: agent and environment are one thing there, a harness, and making one takes minutes.

A name has one holder, and a create repeated with its token makes nothing new, so what a lost answer came to is learned by asking again. A harness
that is being deleted still holds its name, and one that is being made cannot be deleted before it is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import trio

from agentsup import agentcore
from agentsup.agentcore.values import DELETING, FAILED, PENDING, READY, Harness
from agentsup.errors import Problem, SpecError
from agentsup.providers.agentcore.overrides import wire_tool
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning.backend import Backend, Found, NameTaken, NotDone, Resource, Role, State, Wanted, Watch
from agentsup.provisioning.canonical import digest_of
from agentsup.provisioning.names import NameRule
from agentsup.provisioning.specs import AgentSpec, EnvironmentSpec
from agentsup.talk.events import Failure

ROLE_VARIABLE: Final = "AGENTSUP_EXECUTION_ROLE_ARN"
"""The environment variable with the role that harnesses work with, where the spec does not say."""

POLL_FIRST: Final = 0.25
POLL_LONGEST: Final = 5.0
"""Seconds between two looks at a harness that is being made: doubling, because a simulated one is quick and a real one takes minutes."""

_AGENT_FIELDS: Final = frozenset(
    {
        "allowedTools",
        "authorizerConfiguration",
        "hooks",
        "maxIterations",
        "maxTokens",
        "memory",
        "skills",
        "tags",
        "timeoutSeconds",
        "truncation",
    }
)
"""What `AgentSpec.extra` can have here, in the service's words."""

_ENVIRONMENT_FIELDS: Final = frozenset({"environmentArtifact", "environmentVariables"})
_RUNTIME_FIELDS: Final = frozenset({"filesystemConfigurations", "lifecycleConfiguration", "networkConfiguration"})
"""What `EnvironmentSpec.config` can have here: the first beside the harness's environment, the second within."""

_ROLE_FIELDS: Final = ("execution_role_arn", "executionRoleArn")

MOST_DESCRIPTION: Final = 256
"""Characters; a harness has no description, so it becomes a tag."""


class HarnessBackend:
    """Harnesses of one account in one region."""

    kind = "bedrock-agentcore"
    roles: Sequence[Role] = ("harness",)
    rule = NameRule(longest=40, alphabet="A-Za-z0-9_")
    patience = 600.0
    clean_up = 240.0  # a harness cannot be deleted before it is made, which takes some 150 s, and is billed until it is
    exact = True

    def __init__(self, client: agentcore.Client, scope: str) -> None:
        self._client = client
        self.scope = scope

    def __repr__(self) -> str:
        return f"<HarnessBackend of {self.scope}>"

    def plan(self, agent: AgentSpec | None, environment: EnvironmentSpec | None) -> Sequence[Wanted]:
        """The harness, made of both.

        Raises:
            SpecError: the service would refuse it; every problem is listed.
        """
        role = _role(agent, environment)
        problems = [*_agent_problems(agent, self.rule), *_environment_problems(environment)]
        if not role:
            what = f"is missing: say it in agent.extra or environment.config, or set {ROLE_VARIABLE}"
            problems.append(Problem("execution_role_arn", what))
        if problems:
            raise SpecError(problems)
        assert agent is not None
        content = {"agent": agent.content, "role": role}
        if environment is not None and environment.content:
            content["environment"] = environment.content
        digest = digest_of("harness", content)
        body = {"executionRoleArn": role, **_agent_body(agent), **_environment_body(environment)}
        name = self.rule.compose(agent.name, digest)
        return [Wanted(role="harness", base=agent.name, digest=digest, name=name, body=body)]

    async def create(self, wanted: Wanted, token: str) -> Found:
        """Ask for it; it is `pending` in the answer.

        Raises:
            NameTaken: there is one of that name.
        """
        body = dict(wanted.body)
        try:
            with translated():
                made = await self._client.harnesses.create(
                    wanted.name,
                    body.pop("executionRoleArn"),
                    model=body.pop("model", None),
                    system_prompt=body.pop("systemPrompt", None),
                    tools=body.pop("tools", None),
                    skills=body.pop("skills", None),
                    allowed_tools=body.pop("allowedTools", None),
                    memory=body.pop("memory", None),
                    truncation=body.pop("truncation", None),
                    hooks=body.pop("hooks", None),
                    environment=body.pop("environment", None),
                    environment_artifact=body.pop("environmentArtifact", None),
                    environment_variables=body.pop("environmentVariables", None),
                    authorizer=body.pop("authorizerConfiguration", None),
                    max_iterations=body.pop("maxIterations", None),
                    max_tokens=body.pop("maxTokens", None),
                    timeout_seconds=body.pop("timeoutSeconds", None),
                    tags=body.pop("tags", None),
                    client_token=f"agentsup-{token}",  # the service wants 33 characters at least
                )
        except Rejected as exc:
            if isinstance(exc.__cause__, agentcore.Conflict):
                raise NameTaken(f"the name {wanted.name} is taken") from exc
            raise
        return _found(made)

    async def search(self, role: Role) -> Sequence[Found]:
        """All of them, over all pages."""
        with translated():
            return [_found(harness) async for harness in self._client.harnesses.list(limit=100)]

    async def settle(self, found: Found | Resource, watch: Watch) -> Found | None:
        """Look at it until it is there, or gone.

        Raises:
            Rejected: it failed, or has a status that nobody here knows.
        """
        phase = "deleted" if isinstance(found, Found) and found.state == "leaving" else "ready"
        pause = POLL_FIRST
        while (harness := await self._look(found.id, watch, phase)) is not None:
            if harness.status == READY:
                return _found(harness)
            if harness.status != DELETING and harness.status not in PENDING:
                raise _failed(harness)
            await trio.sleep(pause)
            pause = min(POLL_LONGEST, pause * 2)
        return None

    async def discard(self, found: Found | Resource, watch: Watch) -> None:
        """Delete it and see it gone; one that is being made is waited for first, since it cannot be deleted before.

        Raises:
            Rejected: it cannot be deleted.
        """
        asked = False
        pause = POLL_FIRST
        while (harness := await self._look(found.id, watch, "deleted")) is not None:
            if harness.status == "DELETE_FAILED" and asked:
                raise _failed(harness)
            if harness.status != DELETING and harness.status not in PENDING:
                asked = await self._delete(found.id) or asked
            await trio.sleep(pause)
            pause = min(POLL_LONGEST, pause * 2)

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        await self._client.aclose()

    async def _delete(self, harness_id: str) -> bool:
        """Whether it was asked for; it is not while something else is under way."""
        try:
            with translated():
                await self._client.harnesses.delete(harness_id)
        except Rejected as exc:
            if isinstance(exc.__cause__, agentcore.Conflict):
                return False
            if not isinstance(exc.__cause__, agentcore.NotFound):
                raise
        return True

    async def _look(self, harness_id: str, watch: Watch, phase: str) -> Harness | None:
        """The harness as it is; None if there is none any more."""
        try:
            with translated():
                harness = await self._client.harnesses.get(harness_id)
        except Rejected as exc:
            if not isinstance(exc.__cause__, agentcore.NotFound):
                raise
            watch.saw("gone", phase=phase)
            return None
        watch.saw(harness.status, phase=phase)
        return harness


def client_of(provider: Any) -> agentcore.Client:
    """A client like the provider value; what may be repeated is known one floor up, so it repeats nothing.

    Raises:
        SpecError: something is missing or cannot be used.
    """
    return agentcore.Client(
        region=provider.region or provider.home_region,
        credentials=provider.credentials,
        endpoint_url=provider.endpoint_url,
        control_endpoint_url=provider.control_endpoint_url,
        http=provider.http,
        max_retries=0,
    )


def backend_of(provider: Any) -> Backend:
    """The backend of a `BedrockAgentCore` value: same region, same addresses, same credentials, same HTTP client.

    Raises:
        SpecError: something is missing or cannot be used.
    """
    client = client_of(provider)
    return HarnessBackend(client, f"{HarnessBackend.kind} {client.control_url} {client.region} {provider.owner}")


@contextmanager
def translated() -> Iterator[None]:
    """Within: the control plane's errors become the two that provisioning knows, by what is known of the deed."""
    try:
        yield
    except agentcore.ApiError as exc:
        passing = (
            agentcore.ConnectionFailed,
            agentcore.RateLimited,
            agentcore.ServerError,
            agentcore.UnreadableAnswer,
        )
        if isinstance(exc, passing) or exc.should_retry:
            undone = not isinstance(exc, agentcore.ServerError | agentcore.UnreadableAnswer) and not exc.ambiguous
            kind = NotDone if undone else Unavailable
            raise kind(str(exc), retry_after=exc.retry_after) from exc
        failure = Failure(
            kind="provider", message=str(exc), status=exc.status, code=exc.type, provider_request_id=exc.request_id
        )
        raise Rejected(failure, fatal=True) from exc
    except agentcore.NoCredentials as exc:
        raise Rejected(Failure(kind="provider", message=str(exc), code="NoCredentials"), fatal=True) from exc


def _found(harness: Harness) -> Found:
    return Found(
        role="harness",
        id=harness.harness_id,
        name=harness.harness_name,
        state=_state(harness.status),
        created_at=harness.created_at,
        arn=harness.arn,
    )


def _state(status: str) -> State:
    if status == READY:
        return "ready"
    if status == DELETING:
        return "leaving"
    return "pending" if status in PENDING else "failed"


def _failed(harness: Harness) -> Rejected:
    known = "" if harness.status in FAILED else ", which nobody here knows"
    why = f": {harness.failure_reason}" if harness.failure_reason else ""
    message = f"the harness {harness.harness_name} ({harness.harness_id}) is {harness.status}{known}{why}"
    return Rejected(Failure(kind="provider", message=message, code=harness.status), fatal=True)


# --- bodies ------------------------------------------------------------------------------------------------------------------------


def _role(agent: AgentSpec | None, environment: EnvironmentSpec | None) -> str:
    told: list[Any] = []
    for where in (agent.extra if agent is not None else {}, environment.settings if environment is not None else {}):
        told += [where[field] for field in _ROLE_FIELDS if field in where]
    told.append(os.environ.get(ROLE_VARIABLE))
    return next((role.strip() for role in told if isinstance(role, str) and role.strip()), "")


def _agent_body(spec: AgentSpec) -> dict[str, Any]:
    body: dict[str, Any] = {field: value for field, value in spec.extra.items() if field not in _ROLE_FIELDS}
    if spec.model is not None:
        body["model"] = _model(spec.model)
    if spec.system_prompt:
        body["systemPrompt"] = [{"text": spec.system_prompt}]
    if spec.tools:
        body["tools"] = [wire_tool(tool) for tool in spec.tools]
    if spec.description:
        body["tags"] = {**body.get("tags", {}), "description": spec.description}
    return body


def _model(model: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(model, str):
        return {"bedrockModelConfig": {"modelId": model}}
    settings = {field: value for field, value in model.items() if field != "id"}
    return {"bedrockModelConfig": {"modelId": model["id"], **settings}}


def _environment_body(spec: EnvironmentSpec | None) -> dict[str, Any]:
    if spec is None:
        return {}
    told = spec.settings
    body: dict[str, Any] = {field: told[field] for field in _ENVIRONMENT_FIELDS if field in told}
    within = {field: told[field] for field in _RUNTIME_FIELDS if field in told}
    if within:
        body["environment"] = {"agentCoreRuntimeEnvironment": within}
    return body


def _agent_problems(spec: AgentSpec | None, rule: NameRule) -> Iterable[Problem]:
    if spec is None:
        yield Problem("agent", "is missing: AgentCore makes harnesses, of an agent and perhaps an environment")
        return
    yield from rule.problems(spec.name, "agent.name")
    if len(spec.description) > MOST_DESCRIPTION:
        yield Problem("agent.description", f"must have at most {MOST_DESCRIPTION} characters")
    for field in sorted(spec.extra.keys() - _AGENT_FIELDS - set(_ROLE_FIELDS)):
        known = ", ".join(sorted(_AGENT_FIELDS))
        yield Problem(f"agent.extra.{field}", f"is no field here; there are execution_role_arn, {known}")
    if not isinstance(spec.extra.get("tags", {}), Mapping):
        yield Problem("agent.extra.tags", "must be a mapping of text to text")


def _environment_problems(spec: EnvironmentSpec | None) -> Iterable[Problem]:
    if spec is None:
        return
    fields = _ENVIRONMENT_FIELDS | _RUNTIME_FIELDS
    for field in sorted(spec.settings.keys() - fields - set(_ROLE_FIELDS)):
        known = ", ".join(sorted(fields))
        yield Problem(f"environment.config.{field}", f"is no field here; there are execution_role_arn, {known}")
