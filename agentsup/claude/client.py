"""The client: everything the control plane can be asked for, in groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentsup.claude.agents import Agents
from agentsup.claude.deployments import DeploymentRuns, Deployments
from agentsup.claude.environments import Environments
from agentsup.claude.events import Events
from agentsup.claude.files import Files
from agentsup.claude.line import Line
from agentsup.claude.memories import Memories, MemoryVersions
from agentsup.claude.memory_stores import MemoryStores
from agentsup.claude.resources import SessionResources
from agentsup.claude.sessions import Sessions
from agentsup.claude.settings import Settings
from agentsup.claude.skills import Skills, SkillVersions
from agentsup.claude.threads import Threads
from agentsup.claude.vaults import Credentials, Vaults
from agentsup.claude.work import WorkQueue
from agentsup.control.client import HttpClient
from agentsup.control.retries import Retries
from agentsup.errors import Problem, SpecError


class Client(HttpClient):
    """The control plane of Claude Managed Agents: agents, environments, sessions, files and the rest, under one key.

    Use it as an async context manager, or call `aclose`. Nothing is opened before the first request. Any number of tasks may use one
    client; a deadline for a call is a trio scope around it, and a cancelled call holds no connection. What is repeated after a failure,
    and what never is, stands in docs/reference/claude-client.md.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        http: Any = None,
        *,
        auth_token: str | None = None,
        workspace_id: str | None = None,
        betas: Sequence[str] = (),
        version: str | None = None,
        max_retries: int = 2,
    ) -> None:
        """A client for one account.

        Args:
            api_key: else `ANTHROPIC_API_KEY`.
            base_url: else `ANTHROPIC_BASE_URL`, else the vendor's address.
            http: an `httpx.AsyncClient` (or one that quacks like it) to use instead of our own. It stays yours: it is not closed here.
            auth_token: a bearer token instead of a key; else, without any key, `ANTHROPIC_AUTH_TOKEN`.
            workspace_id: the workspace to act in, where a key has several.
            betas: more betas to switch on, for every request.
            version: another API version than the one this client was written for.
            max_retries: how often a request is repeated that may be.

        Raises:
            SpecError: something is missing or cannot be used; all of it is listed.
        """
        settings = Settings.found(
            api_key=api_key, auth_token=auth_token, base_url=base_url, workspace_id=workspace_id, version=version
        )
        problems = list(settings.problems(http))
        if type(max_retries) is not int or max_retries < 0:
            problems.append(Problem("max_retries", f"must be an integer of at least 0, not {max_retries!r}"))
        if problems:
            raise SpecError(problems)
        super().__init__(http)
        self.base_url = settings.base_url
        """Whom it talks to."""
        line = Line(
            self._http,
            base_url=settings.base_url,
            headers=settings.headers(),
            secret=settings.secret,
            betas=tuple(betas),
            retries=Retries(most=max_retries),
        )
        self.agents = Agents(line)
        self.environments = Environments(line)
        self.work = WorkQueue(line)
        self.sessions = Sessions(line)
        self.events = Events(line)
        self.threads = Threads(line)
        self.resources = SessionResources(line)
        self.files = Files(line)
        self.vaults = Vaults(line)
        self.credentials = Credentials(line)
        self.memory_stores = MemoryStores(line)
        self.memories = Memories(line)
        self.memory_versions = MemoryVersions(line)
        self.skills = Skills(line)
        self.skill_versions = SkillVersions(line)
        self.deployments = Deployments(line)
        self.deployment_runs = DeploymentRuns(line)

    def __repr__(self) -> str:
        return f"<Client of {self.base_url}>"
