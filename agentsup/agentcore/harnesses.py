"""Harnesses: made, looked at, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentsup.agentcore.asking import checked, deleting, listing, new_token, reading, said, thing, writing
from agentsup.agentcore.line import Line
from agentsup.agentcore.values import Harness, HarnessVersion
from agentsup.control.errors import NotFound
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe
from agentsup.errors import SpecError
from agentsup.providers.agentcore.overrides import wire_tool
from agentsup.wire.agentcore.names import HARNESS_ID, HARNESS_NAME

ID_WORDS: Final = "a harness's id, its name with '-' and ten characters"
NAME_WORDS: Final = "up to 40 letters, digits and '_', the first a letter"

Raw = Mapping[str, Any]


class Harnesses:
    """What the service keeps of agents. Making, changing and deleting take their time: the answer says `CREATING`; look until it is done."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def __repr__(self) -> str:
        return f"<Harnesses of {self._line!r}>"

    async def create(
        self,
        name: str,
        execution_role_arn: str,
        *,
        model: str | Raw | None = None,
        system_prompt: str | Sequence[Raw] | None = None,
        tools: Sequence[Any] | None = None,
        skills: Sequence[Raw] | None = None,
        allowed_tools: Sequence[str] | None = None,
        memory: Raw | None = None,
        truncation: Raw | None = None,
        hooks: Sequence[Raw] | None = None,
        environment: Raw | None = None,
        environment_artifact: Raw | None = None,
        environment_variables: Mapping[str, str] | None = None,
        authorizer: Raw | None = None,
        max_iterations: int | None = None,
        max_tokens: int | None = None,
        timeout_seconds: int | None = None,
        tags: Mapping[str, str] | None = None,
        client_token: str | None = None,
    ) -> Harness:
        """Ask for a harness. It is `CREATING` at first, for some minutes.

        A request that is repeated, by us after a lost answer or by you with the same `client_token`, makes one harness.

        Args:
            name: up to 40 letters, digits and underscores; no hyphens, whatever the service's samples show.
            execution_role_arn: whose permissions it works with.
            model: a Bedrock model's id, or a model configuration in the service's words.
            system_prompt: text, or blocks in the service's words.
            tools: tools made by `agentsup.tool` and `ToolSpec` values (inline functions, which run here), or tools in the service's words.
            skills: in the service's words.
            allowed_tools: names and patterns of what may be called: `*`, `name`, `file_*`, `@builtin`.
            memory: in the service's words. It is on, and billed, unless this is `{"disabled": {}}`.
            truncation: what is left out when a conversation grows long, in the service's words.
            hooks: in the service's words.
            environment: life cycle, network and file systems, in the service's words.
            environment_artifact: a container image, in the service's words.
            environment_variables: what its commands find.
            authorizer: who may invoke it, in the service's words.
            max_iterations: model calls of one invoke, at most.
            max_tokens: tokens of one invoke, at most.
            timeout_seconds: how long one invoke may take.
            tags: labels.
            client_token: by which the service knows a repetition; made up if not given.

        Raises:
            SpecError: the name or token is none.
            Conflict: there is one of that name.
            ApiError: it cannot be made.
        """
        checked(token=client_token, name=(name, HARNESS_NAME, NAME_WORDS))
        role = execution_role_arn.strip() if isinstance(execution_role_arn, str) else ""
        if not role:
            raise SpecError.of(
                "execution_role_arn", "is missing: pass the ARN of an IAM role the harness may work with"
            )
        body = {"harnessName": name, "executionRoleArn": role, "clientToken": client_token or new_token()}
        body |= said(
            model=_model(model),
            systemPrompt=_prompt(system_prompt),
            tools=_tools(tools),
            skills=skills,
            allowedTools=allowed_tools,
            memory=memory,
            truncation=truncation,
            hooks=hooks,
            environment=environment,
            environmentArtifact=environment_artifact,
            environmentVariables=environment_variables,
            authorizerConfiguration=authorizer,
            maxIterations=max_iterations,
            maxTokens=max_tokens,
            timeoutSeconds=timeout_seconds,
            tags=tags,
        )
        ask = writing("creating the harness", "POST", "harnesses", body=body)
        return thing(Harness, await self._line.json(ask), "harness", ask)

    async def get(self, harness_id: str, *, version: str | None = None) -> Harness:
        """A harness as it is, or as a version of it was.

        Raises:
            NotFound: there is none, or no such version.
            ApiError: it cannot be had.
        """
        checked(harness_id=(harness_id, HARNESS_ID, ID_WORDS))
        ask = reading("looking at the harness", "harnesses", harness_id, harnessVersion=version)
        return thing(Harness, await self._line.json(ask), "harness", ask)

    async def update(
        self,
        harness_id: str,
        *,
        execution_role_arn: Maybe[str] = OMIT,
        model: Maybe[str | Raw] = OMIT,
        system_prompt: Maybe[str | Sequence[Raw]] = OMIT,
        tools: Maybe[Sequence[Any]] = OMIT,
        skills: Maybe[Sequence[Raw]] = OMIT,
        allowed_tools: Maybe[Sequence[str]] = OMIT,
        memory: Maybe[Raw | None] = OMIT,
        truncation: Maybe[Raw] = OMIT,
        hooks: Maybe[Sequence[Raw]] = OMIT,
        environment: Maybe[Raw] = OMIT,
        environment_artifact: Maybe[Raw | None] = OMIT,
        environment_variables: Maybe[Mapping[str, str]] = OMIT,
        authorizer: Maybe[Raw | None] = OMIT,
        max_iterations: Maybe[int] = OMIT,
        max_tokens: Maybe[int] = OMIT,
        timeout_seconds: Maybe[int] = OMIT,
        client_token: str | None = None,
    ) -> Harness:
        """Change a harness: a new version of it, `UPDATING` at first. What is not said stays; what is said replaces, whole.

        Args: as for `create`; None clears `memory`, `environment_artifact` and `authorizer`, and nothing else can be cleared.

        Raises:
            NotFound: there is no such harness.
            Conflict: it is being made, changed or deleted.
            ApiError: it cannot be changed.
        """
        checked(token=client_token, harness_id=(harness_id, HARNESS_ID, ID_WORDS))
        body: dict[str, Any] = {"clientToken": client_token or new_token()}
        body |= said(
            executionRoleArn=execution_role_arn,
            model=_model(model),
            systemPrompt=_prompt(system_prompt),
            tools=_tools(tools),
            skills=skills,
            allowedTools=allowed_tools,
            memory=_clearable(memory),
            truncation=truncation,
            hooks=hooks,
            environment=environment,
            environmentArtifact=_clearable(environment_artifact),
            environmentVariables=environment_variables,
            authorizerConfiguration=_clearable(authorizer),
            maxIterations=max_iterations,
            maxTokens=max_tokens,
            timeoutSeconds=timeout_seconds,
        )
        ask = writing("changing the harness", "PATCH", "harnesses", harness_id, body=body)
        return thing(Harness, await self._line.json(ask), "harness", ask)

    async def delete(
        self, harness_id: str, *, delete_managed_memory: bool = True, client_token: str | None = None
    ) -> Harness | None:
        """Have a harness gone. It is `DELETING` at first and holds its name meanwhile.

        Args:
            harness_id: which.
            delete_managed_memory: its memory goes with it, where the service made that.
            client_token: by which the service knows a repetition; made up if not given.

        Returns:
            The harness on its way out; None where the service does not show it, or it was gone by the time we asked again.

        Raises:
            NotFound: there is none.
            Conflict: it is being made or changed; try again when it is done.
            ApiError: it cannot be deleted.
        """
        checked(token=client_token, harness_id=(harness_id, HARNESS_ID, ID_WORDS))
        ask = deleting(
            "deleting the harness",
            "harnesses",
            harness_id,
            clientToken=client_token or new_token(),
            deleteManagedMemory=None if delete_managed_memory else "false",
        )
        repeated: list[bool] = []
        try:
            answer = await self._line.json(ask, repeating=lambda: repeated.append(True))
        except NotFound:
            if not repeated:
                raise
            return None
        return thing(Harness, answer, "harness", ask) if answer.get("harness") else None

    def list(self, *, limit: int | None = None, page: str | None = None) -> Listing[Harness]:
        """All harnesses, in the service's order; each with what a list says of it.

        Args:
            limit: 1 to 100 in one page.
            page: a page's cursor, to go on from there.
        """
        ask = reading("listing harnesses", "harnesses", maxResults=limit, nextToken=page)
        return listing(self._line, Harness, ask, "harnesses")

    def versions(
        self, harness_id: str, *, limit: int | None = None, page: str | None = None
    ) -> Listing[HarnessVersion]:
        """A harness's versions.

        Raises:
            SpecError: the id is none.
        """
        checked(harness_id=(harness_id, HARNESS_ID, ID_WORDS))
        what = "listing the harness's versions"
        ask = reading(what, "harnesses", harness_id, "versions", maxResults=limit, nextToken=page)
        return listing(self._line, HarnessVersion, ask, "harnessVersions")


def _model(model: Any) -> Any:
    return {"bedrockModelConfig": {"modelId": model}} if isinstance(model, str) else model


def _prompt(prompt: Any) -> Any:
    return [{"text": prompt}] if isinstance(prompt, str) else prompt


def _tools(tools: Any) -> Any:
    return tools if tools is None or tools is OMIT else [wire_tool(tool) for tool in tools]


def _clearable(value: Any) -> Any:
    """A field that can be cleared travels in a wrapper; an empty one clears."""
    if value is OMIT:
        return OMIT
    return {} if value is None else {"optionalValue": value}
