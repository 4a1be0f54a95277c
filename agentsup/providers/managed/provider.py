"""The provider value for Claude Managed Agents: which agent, where, as whom."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from agentsup.errors import Problem
from agentsup.providers.address import address_problems, base_url_of, has_auth
from agentsup.providers.base import Driver, Opening
from agentsup.providers.managed.driver import ManagedDriver
from agentsup.providers.managed.opening import OPENING, as_plain, is_plain, opening_problems
from agentsup.providers.managed.options import CONFIGURABLE, options_of
from agentsup.talk.artifact import Artifact
from agentsup.talk.content import hidden
from agentsup.wire.managed import requests


@attrs.frozen(kw_only=True)
class ClaudeManagedAgents:
    """An agent that runs at Claude Managed Agents; the tools it asks for run here.

    Constructing one opens nothing and checks nothing; a session that is started with it does both. What is not given is taken from the
    environment, then from the default.
    """

    agent: Any = None
    """An agent's id, or a handle that has it as `agent_id`; or in the service's words, `{"type": "agent", "id": ..., "version": ...}` or one with
    overrides. Not needed to go on with an existing session."""

    environment: Any = None
    """An environment's id, or a handle that has it as `environment_id`. Not needed to go on with an existing session."""

    session_id: str | None = None
    """The provider's id of an existing session to go on with."""

    title: str | None = attrs.field(default=None, repr=hidden)
    """Of the new session, for people at the provider's console."""

    metadata: Mapping[str, str] = attrs.field(factory=dict, repr=hidden)
    """Of the new session, at most 14 names of 64 characters with texts of 512. (`SessionSpec.metadata` stays here.)"""

    resources: Sequence[Mapping[str, Any]] = attrs.field(default=(), repr=False)
    """Files, repositories and memory stores to mount in the new session, in the service's words; tokens in them are shown nowhere."""

    vault_ids: Sequence[str] = ()
    """Whose credentials the new session may use."""

    budget: Mapping[str, Any] | None = None
    """The most the new session may cost, in the service's words; only what has one from the start can have it changed (`configure`)."""

    api_key: str | None = attrs.field(default=None, repr=False)
    """Else `ANTHROPIC_API_KEY`."""

    base_url: str | None = None
    """Else `ANTHROPIC_BASE_URL`, else the vendor's address."""

    http: Any = attrs.field(default=None, repr=False)
    """An `httpx.AsyncClient` (or one that quacks like it) to use instead of our own. It stays yours: it is not closed here, and its
    limits hold; mind that its pool counts open streams."""

    @property
    def kind(self) -> str:
        """`claude-managed-agents`."""
        return "claude-managed-agents"

    @property
    def has_history(self) -> bool:
        """Yes."""
        return True

    @property
    def provider_session_id(self) -> str | None:
        """The existing session to go on with."""
        return self.session_id

    @property
    def configurable(self) -> Sequence[str]:
        """What the service lets change of a session."""
        return CONFIGURABLE

    @property
    def keeps_options(self) -> bool:
        """Yes."""
        return True

    @property
    def endpoint(self) -> Hashable:
        """Kind, address, credentials (as a digest: the value shows in the tree) and client, as one text."""
        who = hashlib.sha256((self._api_key or "").encode()).hexdigest()[:8]
        client = f" via {id(self.http):x}" if self.http is not None else ""
        return f"{self.kind} {self._base_url} as {who}{client}"

    @property
    def _base_url(self) -> str:
        return base_url_of(self.base_url)

    @property
    def _api_key(self) -> str | None:
        return self.api_key or os.environ.get("ANTHROPIC_API_KEY") or None

    def problems(self) -> Iterable[Problem]:
        """What is wrong with the value."""
        if self._api_key is None and not has_auth(self.http):
            yield Problem("api_key", "is missing: pass api_key= or set ANTHROPIC_API_KEY")
        yield from address_problems(self._base_url)
        if self.session_id is None:
            if not _agent_of(self.agent):
                way = "pass an agent's id or handle, or session_id= to go on with a session"
                yield Problem("agent", f"{_lack_of(self.agent)}: {way}")
            elif not is_plain(_agent_of(self.agent)):
                yield Problem("agent", "must hold only what JSON can say")
            if not _id_of(self.environment, "environment_id"):
                yield Problem("environment", f"{_lack_of(self.environment)}: pass an environment's id or handle")
        yield from opening_problems(self._opening, made=self.session_id is not None)

    @property
    def _opening(self) -> Mapping[str, Any]:
        """What a new session is to have, where something was said."""
        said = {name: getattr(self, name) for name in OPENING}
        return {name: value for name, value in said.items() if value is not None and value != () and value != {}}

    def options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields of a session's update.

        Raises:
            SpecError: some cannot be used; all of them are named.
        """
        return options_of(given)

    def connect(self) -> ManagedDriver:
        """A driver for the endpoint."""
        return ManagedDriver(base_url=self._base_url, api_key=self._api_key, http=self.http)

    async def open(self, driver: Driver, opening: Opening) -> str:
        """Make (or find again) the session, with our ids in its metadata."""
        assert isinstance(driver, ManagedDriver)
        if opening.search and (found := await driver.find_session(opening.token)) is not None:
            return found
        metadata = {requests.TOKEN_KEY: opening.token, requests.SESSION_KEY: opening.session_id[:512]}
        opened = self._opening
        body = requests.create_session(
            agent=_agent_of(self.agent),
            environment=_id_of(self.environment, "environment_id"),
            metadata={**opened.get("metadata", {}), **metadata},
        )
        return await driver.create_session(as_plain({**opened, **body}))

    async def files(self, driver: Driver, provider_session_id: str) -> Sequence[Artifact]:
        """The files in the session's scope."""
        assert isinstance(driver, ManagedDriver)
        return await driver.files(provider_session_id)


def _agent_of(value: Any) -> str | Mapping[str, Any]:
    """The agent as a create names it; empty if there is none."""
    if isinstance(value, Mapping) and value.get("id") and value.get("type"):
        return value
    return _id_of(value, "agent_id")


def _id_of(value: Any, attribute: str) -> str:
    """The id in an id or a handle (or a handle as plain data); empty if there is none."""
    found = value.get(attribute) if isinstance(value, Mapping) else getattr(value, attribute, value)
    return found if isinstance(found, str) else ""


def _lack_of(value: Any) -> str:
    """What is wrong with a value in which there is no id."""
    return "is missing" if value is None or value == "" else f"has no id in it, being of type {type(value).__name__}"
