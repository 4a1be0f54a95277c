"""`provision` and its halves: from specs to a handle."""

from __future__ import annotations

from typing import Any

from agentsup.errors import Problem, SpecError
from agentsup.provisioning.ensuring import ensure
from agentsup.provisioning.handle import Handle
from agentsup.provisioning.kinds import asked
from agentsup.provisioning.runtimes import bootstrap_of
from agentsup.provisioning.specs import AgentSpec, EnvironmentSpec
from agentsup.provisioning.stores import Store
from agentsup.talk.limits import is_positive


async def provision(
    provider: Any,
    agent: AgentSpec,
    *,
    environment: EnvironmentSpec | None = None,
    store: Store | None = None,
    timeout: float | None = None,
) -> Handle:
    """An agent in an environment, made or found: equal specs are one agent, however often, and by whomever, this is called.

    What is remembered in the store is not asked for again; what the provider has under its content-addressed name is taken; what is missing
    is made. If it fails, or is cancelled, what this call made is taken away again, and nothing else.

    Args:
        provider: Where: a provider value such as `ClaudeManagedAgents(base_url=...)`, its class, or its kind as text. Its agent and
            environment do not matter here.
        agent: What the agent is made of.
        environment: Where its own tools run; the provider's default if not given.
        store: Where it is remembered; by default in this process, as long as it runs.
        timeout: Seconds for all requests of this call together; by default as long as the provider may need.

    Raises:
        SpecError: the specs or the provider cannot be used; every problem is listed, and nothing was asked of the provider.
        ProvisionFailed: it could not be done. `ProvisionTimeout` if its time was up, `NameConflict` and `OnlyArchived` if the name cannot be had.
    """
    _check(timeout, agent=(agent, AgentSpec), environment=(environment, EnvironmentSpec | None))
    return await _provide(provider, agent, environment or EnvironmentSpec(), store, timeout)


async def ensure_agent(
    provider: Any, agent: AgentSpec, *, store: Store | None = None, timeout: float | None = None
) -> Handle:
    """The agent alone, made or found; its handle has an `agent_id` (a `harness_arn`, where agents are harnesses).

    Args, errors and promises are those of `provision`.
    """
    _check(timeout, agent=(agent, AgentSpec))
    return await _provide(provider, agent, None, store, timeout)


async def ensure_environment(
    provider: Any, environment: EnvironmentSpec, *, store: Store | None = None, timeout: float | None = None
) -> Handle:
    """The environment alone, made or found; its handle has an `environment_id`.

    Args, errors and promises are those of `provision`. Where environments are no things of their own it is a `SpecError`.
    """
    _check(timeout, environment=(environment, EnvironmentSpec))
    return await _provide(provider, None, environment, store, timeout)


async def _provide(
    provider: Any,
    agent: AgentSpec | None,
    environment: EnvironmentSpec | None,
    store: Store | None,
    timeout: float | None,
) -> Handle:
    async with asked(provider, store) as target:
        backend = target.backend
        wanted = backend.plan(agent, environment)
        resources = await ensure(
            backend, target.recall, wanted, timeout=backend.patience if timeout is None else timeout
        )
        bootstrap = bootstrap_of(environment.runtimes) if environment is not None else None
        return Handle(kind=backend.kind, resources=resources, bootstrap=bootstrap, provider=target.provider)


def _check(timeout: object, **given: tuple[object, Any]) -> None:
    problems = [
        Problem(name, f"must be {'an' if name[0] in 'ae' else 'a'} {name.capitalize()}Spec, not {type(value).__name__}")
        for name, (value, kind) in given.items()
        if not isinstance(value, kind)
    ]
    problems += timeout_problems(timeout)
    if problems:
        raise SpecError(problems)


def timeout_problems(timeout: object) -> list[Problem]:
    """What is wrong with a timeout."""
    if timeout is None or is_positive(timeout):
        return []
    return [Problem("timeout", f"must be None or a positive number of seconds, not {timeout!r}")]
