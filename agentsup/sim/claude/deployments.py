"""Deployments: an agent with everything it needs to be started again and again, and the runs that were started by hand.

The simulator keeps schedules but never fires one. Rules: API reference, "Deployments" and "Deployment runs".
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import Refused, invalid
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .agents import Agents
from .budget import read_budget
from .gates import managed_agents
from .inputs import echo_of, read_events
from .resources import checkout_of
from .schedule import read_schedule
from .sessions import MOST_INITIAL_EVENTS, Sessions
from .shelf import Kind, Record, Shelf, read_kept_text, read_metadata

_TRIGGERS = ("manual", "schedule")


MOST_RESOURCES = 500


@attrs.frozen
class Run:
    """One start of a deployment."""

    id: str
    place: int
    deployment_id: str
    agent: Json
    created_at: str
    session_id: str | None
    error: Json | None

    def view(self) -> Json:
        """The run as the API writes it."""
        return {
            "id": self.id,
            "type": "deployment_run",
            "deployment_id": self.deployment_id,
            "agent": self.agent,
            "session_id": self.session_id,
            "error": self.error,
            "trigger_context": {"type": "manual"},
            "created_at": self.created_at,
        }


class Deployments:
    """The deployments, their runs, and the endpoints of both."""

    def __init__(self, world: World, agents: Agents, sessions: Sessions) -> None:
        self._world = world
        self._agents = agents
        self._sessions = sessions
        kind = Kind(
            "deployment",
            "deployment",
            "depl",
            "/v1/deployments",
            self._read,
            managed_agents,
            keep=_filter,
            deletable=False,
            once_archived={"status": "active", "paused_reason": None},
        )
        self._shelf = Shelf(world, kind)
        self._runs: Table[Run] = Table("deployment run")

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        one = "/v1/deployments/{id}"
        return [
            *self._shelf.routes(),
            Route("POST", f"{one}/pause", self._pause, managed_agents),
            Route("POST", f"{one}/unpause", self._unpause, managed_agents),
            Route("POST", f"{one}/run", self._run, managed_agents),
            Route("GET", "/v1/deployment_runs", self._list_runs, managed_agents),
            Route("GET", "/v1/deployment_runs/{run_id}", self._retrieve_run, managed_agents),
        ]

    def _read(self, form: Form, record: Record | None) -> Json:
        current: Json = {} if record is None else record.fields
        fields: Json = {
            "name": read_kept_text(form, record, "name", required=True, most=256),
            "description": read_kept_text(form, record, "description", most=2048) or None,
            "environment_id": read_kept_text(form, record, "environment_id", required=True),
            "metadata": read_metadata(form, record),
            "status": current.get("status", "active"),
            "paused_reason": current.get("paused_reason"),
        }
        readers: dict[str, Callable[[], object]] = {
            "agent": lambda: self._read_agent(form),
            "initial_events": lambda: _read_initial(form),
            "resources": lambda: self._read_resources(form),
            "schedule": lambda: read_schedule(form),
            "vault_ids": lambda: form.texts("vault_ids", most=50),
            "budget": lambda: read_budget(form),
        }
        for key, read in readers.items():
            fields[key] = read() if record is None or key in form else current[key]
        return fields

    def _read_resources(self, form: Form) -> list[Json]:
        resources = self._sessions.check_resources(form, most=MOST_RESOURCES)
        return [] if form.problems else [_config(resource) for resource in resources]

    def _read_agent(self, form: Form) -> Json:
        given = form.data.get("agent")
        agent_id, number = given if isinstance(given, str) else None, None
        if agent_id is None:
            agent = form.child("agent", required=True)
            if agent is None:
                return {}
            agent.choice("type", ("agent",), required=True)
            agent_id, number = agent.text("id", required=True), agent.integer("version", least=1, most=10**9)
        form.check()
        version = self._agents.pinned(agent_id or "", number)
        return {"type": "agent", "id": version.id, "version": version.number}

    async def _pause(self, request: Request) -> Response:
        return self._shelf.touch(self._shelf.open_to_change(request), status="paused", paused_reason={"type": "manual"})

    async def _unpause(self, request: Request) -> Response:
        return self._shelf.touch(self._shelf.open_to_change(request), status="active", paused_reason=None)

    async def _run(self, request: Request) -> Response:
        """Starts a session; a deployment whose parts are gone makes a run with an error instead."""
        record = self._shelf.open_to_change(request)
        fields = record.fields
        session_id = error = None
        try:
            session_id = self._sessions.start(
                self._agents.pinned(fields["agent"]["id"], fields["agent"]["version"]).snapshot(),
                fields["environment_id"],
                fields={
                    "title": fields["name"],
                    "metadata": dict(fields["metadata"]),
                    "vault_ids": list(fields["vault_ids"]),
                    "budget": fields["budget"],
                    "deployment_id": record.id,
                },
                resources=[Form(resource) for resource in fields["resources"]],
                initial=fields["initial_events"],
            ).id
        except Refused as refusal:
            code = (refusal.details or {}).get("error_code", "unknown")
            error = {"type": f"{code}_error", "message": refusal.message}
        run = Run(
            self._world.mint.id("drun"),
            self._runs.next_place(),
            record.id,
            fields["agent"],
            self._world.calendar.stamp(),
            session_id,
            error,
        )
        return Response.json(self._runs.add(run).view())

    async def _list_runs(self, request: Request) -> Response:
        query = Query(request)
        within, deployment_id = query.moments("created_at"), query.text("deployment_id")
        has_error = query.flag("has_error") if query.text("has_error") is not None else None
        scheduled = query.choice("trigger_type", _TRIGGERS, "manual") == "schedule"
        rows = [
            run
            for run in self._runs
            if within(run.created_at)
            and not scheduled
            and (deployment_id is None or run.deployment_id == deployment_id)
            and (has_error is None or (run.error is not None) == has_error)
        ]
        page = cut_page(rows, lambda row: row.place, Paging.asked(request, default=20, most=1000), self._world.cursors)
        return Response.json(page.view(Run.view))

    async def _retrieve_run(self, request: Request) -> Response:
        return Response.json(self._runs.get(request.params["run_id"]).view())


def _read_initial(form: Form) -> list[Json]:
    events = read_events(form, "initial_events", least=1, most=MOST_INITIAL_EVENTS)
    return [] if form.problems else [echo_of(event.data) for event in events]


def _config(resource: Form) -> Json:
    """A resource as a deployment keeps it: what was said of it, without its token."""
    known = ("type", "file_id", "url", "mount_path", "memory_store_id", "access", "instructions")
    kept = {key: resource.data[key] for key in known if key in resource.data}
    return {**kept, "checkout": checkout_of(resource.data)} if kept.get("type") == "github_repository" else kept


def _filter(query: Query) -> Callable[[Record], bool]:
    agent_id, status = query.text("agent_id"), query.text("status")
    if status not in (None, "active", "paused"):
        raise invalid("status", "must be one of active, paused")
    if status is not None and query.flag("include_archived"):
        raise invalid("include_archived", "cannot be combined with status")
    return lambda record: agent_id in (None, record.fields["agent"]["id"]) and status in (None, record.fields["status"])
