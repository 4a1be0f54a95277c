"""Agents: versioned definitions. A change makes the next version, an archived one starts no more sessions.

Rules: API reference, "Agents".
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import conflict, invalid, missing
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .definition import Definition, read_definition
from .gates import managed_agents
from .roster import Reference, read_multiagent, references_of, with_definitions


@attrs.frozen
class Version:
    """One version of an agent."""

    id: str
    number: int
    definition: Definition
    metadata: dict[str, str]
    created_at: str
    """Of the agent."""
    updated_at: str
    """When this version was made."""
    archived_at: str | None = None
    members: Mapping[Reference, Json] = attrs.field(factory=dict, repr=False)
    """The agents that work for it, as they are in a session."""

    @property
    def place(self) -> int:
        """Versions are listed by number."""
        return self.number

    def view(self) -> Json:
        """The version as the API writes an agent."""
        return {
            "id": self.id,
            "type": "agent",
            **self.definition.view(),
            "metadata": self.metadata,
            "version": self.number,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "archived_at": self.archived_at,
        }

    def snapshot(self, definition: Definition | None = None) -> Json:
        """The agent as a session carries it, with a session's own overrides where there are any."""
        view = (definition or self.definition).view()
        alone = self.alone(view)
        members = {**self.members, (self.id, self.number): alone}
        return {**alone, "multiagent": with_definitions(view["multiagent"], members)}

    def alone(self, view: Json | None = None) -> Json:
        """The agent as one that works for another."""
        fields = self.definition.view() if view is None else view
        kept = {key: value for key, value in fields.items() if key != "multiagent"}
        return {"id": self.id, "type": "agent", "version": self.number, **kept}


@attrs.define(eq=False)
class Agent:
    """An agent: all its versions, oldest first."""

    place: int
    versions: list[Version]

    @property
    def id(self) -> str:
        """The agent's id."""
        return self.latest.id

    @property
    def latest(self) -> Version:
        """The newest version."""
        return self.versions[-1]


class Agents:
    """The agents and their endpoints."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._table: Table[Agent] = Table("agent")

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        base = "/v1/agents"
        return [
            Route("POST", base, self._create, managed_agents),
            Route("GET", base, self._list, managed_agents),
            Route("GET", f"{base}/{{agent_id}}", self._retrieve, managed_agents),
            Route("POST", f"{base}/{{agent_id}}", self._update, managed_agents),
            Route("POST", f"{base}/{{agent_id}}/archive", self._archive, managed_agents),
            Route("GET", f"{base}/{{agent_id}}/versions", self._versions, managed_agents),
        ]

    def pinned(self, agent_id: str, number: int | None) -> Version:
        """One version for a session to start from, by default the latest.

        Raises:
            Refused: 404, no such agent or version; 400, it is archived.
        """
        agent = self._table.get(agent_id)
        if agent.latest.archived_at is not None:
            raise invalid("agent", f"{agent_id} is archived and starts no sessions", code="agent_archived")
        return agent.latest if number is None else self._version(agent, number)

    def version_of(self, snapshot: Json) -> Version:
        """The version a session's snapshot was taken from."""
        return self._version(self._table.get(snapshot["id"]), snapshot["version"])

    def _version(self, agent: Agent, number: int) -> Version:
        if not 1 <= number <= len(agent.versions):
            raise missing("agent version", f"{agent.id} {number}")
        return agent.versions[number - 1]

    def _read_multiagent(self, form: Form, own: Reference, current: Json | None) -> Json | None:
        return read_multiagent(form, self._find_member, own, current)

    def _find_member(self, form: Form, agent_id: str, number: int | None) -> Reference | None:
        agent = self._table.find(agent_id)
        if agent is None or not 1 <= (number or 1) <= len(agent.versions):
            form.wrong("id", f"there is no agent {agent_id}{f' in version {number}' if number else ''}")
            return None
        version = agent.latest if number is None else agent.versions[number - 1]
        if agent.latest.archived_at is not None:
            form.wrong("id", f"{agent_id} is archived")
        if version.definition.multiagent is not None:
            form.wrong("id", f"{agent_id} has a multiagent of its own: one level is all there is")
        return agent_id, version.number

    def _members(self, definition: Definition) -> dict[Reference, Json]:
        """The agents a definition refers to; itself aside, which is not there yet."""
        found = {}
        for agent_id, number in references_of(definition.multiagent):
            agent = self._table.find(agent_id)
            if agent is not None and number <= len(agent.versions):
                found[agent_id, number] = agent.versions[number - 1].alone()
        return found

    async def _create(self, request: Request) -> Response:
        form = Form.of(request)
        agent_id = self._world.mint.id("agent")
        definition = read_definition(form, multiagent=lambda form: self._read_multiagent(form, (agent_id, 1), None))
        metadata = form.metadata()
        form.check()
        now = self._world.calendar.stamp()
        first = Version(agent_id, 1, definition, metadata, now, now, members=self._members(definition))
        self._table.add(Agent(self._table.next_place(), [first]))
        return Response.json(first.view())

    async def _retrieve(self, request: Request) -> Response:
        agent = self._table.get(request.params["agent_id"])
        number = Query(request).integer("version", default=agent.latest.number, least=1, most=10**9 - 1)
        return Response.json(self._version(agent, number).view())

    async def _update(self, request: Request) -> Response:
        agent = self._table.get(request.params["agent_id"])
        latest = agent.latest
        form = Form.of(request)
        expected = form.integer("version", least=1, most=10**9)
        next_one, current = (latest.id, latest.number + 1), latest.definition.multiagent
        definition = read_definition(
            form, latest.definition, multiagent=lambda form: self._read_multiagent(form, next_one, current)
        )
        metadata = form.metadata(latest.metadata)
        if latest.archived_at is not None:
            form.wrong("", f"agent {agent.id} is archived and cannot be changed")
        form.check()
        if expected is not None and expected != latest.number:
            raise conflict(f"version: {agent.id} is at version {latest.number}, not {expected}")
        made = attrs.evolve(
            latest,
            number=latest.number + 1,
            definition=definition,
            metadata=metadata,
            updated_at=self._world.calendar.stamp(),
            members=self._members(definition),
        )
        agent.versions.append(made)
        return Response.json(made.view())

    async def _archive(self, request: Request) -> Response:
        agent = self._table.get(request.params["agent_id"])
        if agent.latest.archived_at is None:
            now = self._world.calendar.stamp()
            agent.versions[-1] = attrs.evolve(agent.latest, archived_at=now, updated_at=now)
        return Response.json(agent.latest.view())

    async def _list(self, request: Request) -> Response:
        query = Query(request)
        within, archived = query.moments("created_at"), query.flag("include_archived")
        rows = [
            agent
            for agent in self._table
            if within(agent.latest.created_at) and (archived or agent.latest.archived_at is None)
        ]
        paging = Paging.asked(request, default=20, most=100)
        page = cut_page(rows, lambda agent: agent.place, paging, self._world.cursors)
        return Response.json(page.view(lambda agent: agent.latest.view()))

    async def _versions(self, request: Request) -> Response:
        agent = self._table.get(request.params["agent_id"])
        page = cut_page(
            agent.versions,
            lambda version: version.place,
            Paging.asked(request, default=20, most=100),
            self._world.cursors,
        )
        return Response.json(page.view(Version.view))
