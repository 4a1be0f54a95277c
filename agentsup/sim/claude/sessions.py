"""Sessions and their endpoints: create, look up, change, list, archive, delete.

Rules: API reference, "Sessions".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import invalid
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .agents import Agents
from .budget import check_change, read_budget
from .definition import read_definition
from .desk import Desk
from .environments import Environments
from .files import Files
from .gates import managed_agents
from .inputs import check_rubrics, read_events
from .resources import Resources
from .session import Session
from .vaults import Vaults
from .work import WorkQueues

STATUSES = ("rescheduling", "running", "idle", "terminated")
MOST_INITIAL_EVENTS = 50
_INITIAL = ("user.message", "user.define_outcome")
_OVERRIDES = frozenset({"model", "system", "tools", "mcp_servers", "skills"})
_UPDATES = frozenset({"tools", "mcp_servers"})
_FIXED = frozenset(
    {"id", "version", "name", "model", "description", "system", "skills", "multiagent", "execution_identity"}
)


@attrs.frozen
class Hosted:
    """A session and the desk its inputs arrive at."""

    session: Session
    desk: Desk

    @property
    def id(self) -> str:
        """The session's id."""
        return self.session.id

    @property
    def place(self) -> int:
        """The session's place."""
        return self.session.place


class Sessions:
    """The sessions and their endpoints."""

    def __init__(self, world: World, agents: Agents, files: Files, vaults: Vaults, resources: Resources) -> None:
        self._world = world
        self._agents = agents
        self._files = files
        self._vaults = vaults
        self._resources = resources
        self._environments = Environments(world, self.in_environment)
        self._work = WorkQueues(world, self._environments.get)
        self._table: Table[Hosted] = Table("session")

    def routes(self) -> list[Route]:
        """Their lines of the routing table, those of the environments they run in included."""
        base = "/v1/sessions"
        return [
            *self._environments.routes(),
            *self._work.routes(),
            *self._resources.routes(lambda session_id: self.get(session_id).session),
            Route("POST", base, self._create, managed_agents),
            Route("GET", base, self._list, managed_agents),
            Route("GET", f"{base}/{{session_id}}", self._retrieve, managed_agents),
            Route("POST", f"{base}/{{session_id}}", self._update, managed_agents),
            Route("DELETE", f"{base}/{{session_id}}", self._delete, managed_agents),
            Route("POST", f"{base}/{{session_id}}/archive", self._archive, managed_agents),
        ]

    def get(self, session_id: str) -> Hosted:
        """The session.

        Raises:
            Refused: 404, there is none with that id (any more).
        """
        return self._table.get(session_id)

    def in_environment(self, environment_id: str) -> bool:
        """Whether any session refers to the environment."""
        return any(hosted.session.environment_id == environment_id for hosted in self._table)

    def statistics(self) -> dict[str, int]:
        """How many sessions there are, how many are at work, and how many streams are open."""
        return {
            "sessions": len(self._table),
            "running": sum(hosted.desk.busy for hosted in self._table),
            "streams": sum(thread.feed.listeners for hosted in self._table for thread in hosted.session.threads),
        }

    def close(self) -> None:
        """Ends every stream and turn."""
        for hosted in self._table:
            hosted.desk.stop()
            hosted.session.end_streams()

    async def _create(self, request: Request) -> Response:
        form = Form.of(request)
        fields = self._read_fields(form)
        agent = self._read_agent(form)
        initial = read_events(form, "initial_events", least=0, most=MOST_INITIAL_EVENTS, only=_INITIAL)
        resources = self._resources.check(form)
        environment_id = form.text("environment_id", required=True, least=1) or ""
        if not form.problems:
            check_rubrics(initial, self._files.exists)
        form.check()
        hosted = self.start(
            agent(), environment_id, fields=fields, resources=resources, initial=[event.data for event in initial]
        )
        return Response.json(hosted.session.view())

    def start(
        self, agent: Json, environment_id: str, *, fields: Json, resources: list[Form], initial: list[Json]
    ) -> Hosted:
        """A new session from checked parts, at work on its initial events if it has any.

        Raises:
            Refused: the environment, a vault or a resource does not exist or is archived.
        """
        environment = self._environments.usable(environment_id)
        self._vaults.check_usable(fields["vault_ids"])
        self._resources.check_usable(resources)
        now = self._world.calendar.stamp()
        place = self._table.next_place()
        session = Session(
            self._world,
            self._world.mint.id("sesn"),
            place,
            agent,
            environment.id,
            now,
            now,
            self_hosted=environment.self_hosted,
            **fields,
        )
        session.resources += [self._resources.mount(resource, session.id) for resource in resources]
        hosted = self._table.add(Hosted(session, Desk(session, self._files.write_output)))
        self.deliver(hosted, initial)
        return hosted

    def deliver(self, hosted: Hosted, events: list[Json]) -> list[Json]:
        """Hands checked events to the session; in a self-hosted environment what begins a turn is work for a worker as well."""
        kept = hosted.desk.take(events)
        if hosted.session.self_hosted and any(event["type"] in _INITIAL for event in events):
            self._work.add(hosted.session.environment_id, hosted.id)
        return kept

    def check_resources(self, form: Form, *, most: int) -> list[Form]:
        """Notes what is wrong with the `resources` of a session to be."""
        return self._resources.check(form, most=most)

    def _read_fields(self, form: Form) -> Json:
        return {
            "title": form.text("title"),
            "metadata": form.metadata(),
            "vault_ids": form.texts("vault_ids"),
            "budget": read_budget(form),
        }

    def _read_agent(self, form: Form) -> Callable[[], Json]:
        """How to get the agent's snapshot once the form is known to be right."""
        given = form.data.get("agent")
        if isinstance(given, str):
            return lambda: self._agents.pinned(given, None).snapshot()
        agent = form.child("agent", required=True)
        if agent is None:
            return dict
        kind = agent.choice("type", ("agent", "agent_with_overrides"), required=True)
        agent_id = agent.text("id", required=True, least=1) or ""
        number = agent.integer("version", least=1, most=10**9)
        if kind == "agent":
            return lambda: self._agents.pinned(agent_id, number).snapshot()
        if "model" in agent and agent.data["model"] is None:
            raise invalid("agent.model", "a session needs a model", code="agent_model_required")

        def overridden() -> Json:
            version = self._agents.pinned(agent_id, number)
            definition = read_definition(agent, version.definition, fields=_OVERRIDES)
            agent.check()
            return version.snapshot(definition)

        return overridden

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self.get(request.params["session_id"]).session.view())

    async def _update(self, request: Request) -> Response:
        hosted = self.get(request.params["session_id"])
        session = hosted.session
        _refuse_archived(session)
        form = Form.of(request)
        if form.data.get("vault_ids") is not None:
            form.wrong("vault_ids", "cannot be changed after creation")
        changed: Json = {}
        if "title" in form:
            changed["title"] = form.text("title")
        if "metadata" in form:
            changed["metadata"] = form.metadata(session.metadata)
        if "budget" in form:
            changed["budget"] = read_budget(form)
        if form.data.get("agent") is not None:
            changed["agent"] = self._read_agent_update(form, session)
        if "budget" in changed and session.status == "terminated":
            form.wrong("budget", "cannot be changed: the session is terminated")
        form.check()
        if "budget" in changed:
            check_change(session, changed["budget"])
        self._change(hosted, changed)
        return Response.json(session.view())

    def _read_agent_update(self, form: Form, session: Session) -> Json:
        agent = form.child("agent")
        if agent is None:
            return session.agent
        if session.status == "running":
            form.wrong("agent", "cannot be changed while the session is running")
        for key in agent.data.keys() & _FIXED:
            agent.wrong(key, "cannot be changed in a session; tools and mcp_servers can")
        names = ("name", "model", "description", "system", "tools", "mcp_servers", "skills", "multiagent")
        version = self._agents.version_of(session.agent)
        current = attrs.evolve(version.definition, **{name: session.agent[name] for name in names})
        return version.snapshot(read_definition(agent, current, fields=_UPDATES))

    def _change(self, hosted: Hosted, changed: Json) -> None:
        """Sets what differs and says so in a session.updated."""
        session = hosted.session
        told: dict[str, Any] = {}
        for key, value in changed.items():
            if getattr(session, key) != value:
                setattr(session, key, value)
                told[key] = value
        if not told:
            return
        session.updated_at = self._world.calendar.stamp()
        session.post("session.updated", **told)
        if "budget" in told:
            session.fund()

    async def _delete(self, request: Request) -> Response:
        hosted = self.get(request.params["session_id"])
        _refuse_running(hosted.session)
        hosted.desk.stop()
        self._table.remove(hosted.id)
        hosted.session.post("session.deleted")
        hosted.session.end_streams()
        return Response.json({"id": hosted.id, "type": "session_deleted"})

    async def _archive(self, request: Request) -> Response:
        hosted = self.get(request.params["session_id"])
        session = hosted.session
        _refuse_running(session)
        if session.archived_at is None:
            hosted.desk.stop()
            session.archived_at = session.updated_at = self._world.calendar.stamp()
        return Response.json(session.view())

    async def _list(self, request: Request) -> Response:
        keep = _filter(Query(request))
        rows = [hosted for hosted in self._table if keep(hosted.session)]
        paging = Paging.asked(request, default=20, most=1000, either_order=True)
        page = cut_page(rows, lambda row: row.place, paging, self._world.cursors)
        return Response.json(page.view(lambda row: row.session.view(), both_ways=True))


def _refuse_archived(session: Session) -> None:
    if session.archived_at is not None:
        raise invalid("", f"session {session.id} is archived and cannot be changed")


def _refuse_running(session: Session) -> None:
    if session.status in ("running", "rescheduling"):
        raise invalid("", f"session {session.id} is running: interrupt it first")


def _filter(query: Query) -> Callable[[Session], bool]:
    agent_id, deployment_id = query.text("agent_id"), query.text("deployment_id")
    store_id, archived = query.text("memory_store_id"), query.flag("include_archived")
    version = query.integer("agent_version", default=0, least=0, most=10**9 - 1)
    statuses, within = query.many("statuses", STATUSES), query.moments("created_at")

    def keep(session: Session) -> bool:
        return (
            (agent_id is None or session.agent["id"] == agent_id)
            and (agent_id is None or not version or session.agent["version"] == version)
            and (deployment_id is None or session.deployment_id == deployment_id)
            and (store_id is None or any(one.get("memory_store_id") == store_id for one in session.resources))
            and (archived or session.archived_at is None)
            and (not statuses or session.status in statuses)
            and within(session.created_at)
        )

    return keep
