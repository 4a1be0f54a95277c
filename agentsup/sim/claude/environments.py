"""Environments: where an agent's own tools would run. The simulator runs none, but keeps to the rules about them.

Rules: API reference, "Environments".
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import Refused, conflict, invalid
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .gates import managed_agents

_OPEN: Json = {"type": "unrestricted"}

MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")
SCOPE = "organization"
"""The only one that an organization which uses the API may have; `account` is for others."""


@attrs.define(eq=False)
class Environment:
    """One environment."""

    id: str
    place: int
    name: str
    config: Json
    created_at: str
    updated_at: str
    description: str | None = None
    metadata: dict[str, str] = attrs.field(factory=dict)
    scope: str = SCOPE
    archived_at: str | None = None

    @property
    def self_hosted(self) -> bool:
        """Whether workers of the customer's own run its tools."""
        return bool(self.config["type"] == "self_hosted")

    def view(self) -> Json:
        """The environment as the API writes it."""
        return {
            "id": self.id,
            "type": "environment",
            "name": self.name,
            "description": self.description,
            "config": self.config,
            "metadata": self.metadata,
            "scope": self.scope,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "archived_at": self.archived_at,
        }


class Environments:
    """The environments and their endpoints."""

    def __init__(self, world: World, in_use: Callable[[str], bool]) -> None:
        self._world = world
        self._in_use = in_use
        """Whether a session refers to the environment with that id."""
        self._table: Table[Environment] = Table("environment")

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        base = "/v1/environments"
        return [
            Route("POST", base, self._create, managed_agents),
            Route("GET", base, self._list, managed_agents),
            Route("GET", f"{base}/{{environment_id}}", self._retrieve, managed_agents),
            Route("POST", f"{base}/{{environment_id}}", self._update, managed_agents),
            Route("DELETE", f"{base}/{{environment_id}}", self._delete, managed_agents),
            Route("POST", f"{base}/{{environment_id}}/archive", self._archive, managed_agents),
        ]

    def get(self, environment_id: str) -> Environment:
        """The environment.

        Raises:
            Refused: 404, there is none with that id.
        """
        found = self._table.find(environment_id)
        if found is None:
            details = {"error_code": "environment_not_found"}
            raise Refused(404, f"environment {environment_id} was not found (environment_not_found)", details=details)
        return found

    def usable(self, environment_id: str) -> Environment:
        """The environment, for a session to start in.

        Raises:
            Refused: 404, there is none with that id; 400, it is archived.
        """
        environment = self.get(environment_id)
        if environment.archived_at is not None:
            raise invalid("environment_id", f"{environment_id} is archived", code="environment_archived")
        return environment

    async def _create(self, request: Request) -> Response:
        form = Form.of(request)
        name = form.text("name", required=True, least=1, most=256) or ""
        description, scope = form.text("description"), _read_scope(form)
        config, metadata = read_config(form), form.metadata()
        form.check()
        now = self._world.calendar.stamp()
        made = Environment(
            self._world.mint.id("env"),
            self._table.next_place(),
            name,
            config,
            now,
            now,
            description,
            metadata,
            scope,
        )
        return Response.json(self._table.add(made).view())

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self.get(request.params["environment_id"]).view())

    async def _update(self, request: Request) -> Response:
        environment = self.usable(request.params["environment_id"])
        form = Form.of(request)
        changed: Json = {"metadata": form.metadata(environment.metadata, empty_deletes=True)}
        if "name" in form:
            changed["name"] = form.text("name", required=True, least=1, most=256)
        if "description" in form:
            changed["description"] = form.text("description")
        if form.data.get("config") is not None:
            changed["config"] = read_config(form, environment.config)
        if form.data.get("scope") is not None:
            changed["scope"] = _read_scope(form)
        form.check()
        if changed.get("config", environment.config)["type"] != environment.config["type"]:
            raise invalid("config.type", "cannot change after creation", code="invalid_config_type_change")
        for key, value in changed.items():
            setattr(environment, key, value)
        environment.updated_at = self._world.calendar.stamp()
        return Response.json(environment.view())

    async def _delete(self, request: Request) -> Response:
        key = self.get(request.params["environment_id"]).id
        if self._in_use(key):
            raise conflict(f"environment {key} is in use by a session")
        self._table.remove(key)
        return Response.json({"id": key, "type": "environment_deleted"})

    async def _archive(self, request: Request) -> Response:
        environment = self.get(request.params["environment_id"])
        if environment.archived_at is None:
            environment.archived_at = environment.updated_at = self._world.calendar.stamp()
        return Response.json(environment.view())

    async def _list(self, request: Request) -> Response:
        archived = Query(request).flag("include_archived")
        rows = [environment for environment in self._table if archived or environment.archived_at is None]
        page = cut_page(rows, lambda row: row.place, Paging.asked(request, default=20, most=100), self._world.cursors)
        return Response.json(page.view(Environment.view))


def _read_scope(form: Form) -> str:
    return form.choice("scope", (SCOPE,)) or SCOPE


def read_config(form: Form, current: Json | None = None) -> Json:
    """The configuration with every default written out; without one, the cloud with an open network.

    Args:
        form: where problems are noted.
        current: what an existing environment has; what is omitted keeps it.
    """
    config = form.child("config")
    if config is None:
        return {"type": "cloud", "networking": _OPEN, "packages": _no_packages()}
    if config.choice("type", ("cloud", "self_hosted"), required=True) == "self_hosted":
        return {"type": "self_hosted"}
    kept = current if current is not None and current["type"] == "cloud" else {}
    networking = _read_networking(config, kept.get("networking", _OPEN))
    packages = _read_packages(config, kept.get("packages", _no_packages()))
    if networking.get("allow_package_managers") is False and any(packages[manager] for manager in MANAGERS):
        config.wrong("packages", "need networking.allow_package_managers where the network is limited")
    return {"type": "cloud", "networking": networking, "packages": packages}


def _read_networking(config: Form, kept: Json) -> Json:
    networking = config.child("networking")
    if networking is None:
        return kept
    if networking.choice("type", ("unrestricted", "limited"), required=True) != "limited":
        return _OPEN
    made: Json = {"type": "limited", "allowed_hosts": kept.get("allowed_hosts", [])}
    if networking.data.get("allowed_hosts") is not None:
        made["allowed_hosts"] = networking.texts("allowed_hosts")
    for key in ("allow_mcp_servers", "allow_package_managers"):
        told = networking.boolean(key)
        made[key] = kept.get(key, False) if told is None else told
    return made


def _no_packages() -> Json:
    return {"type": "packages", **{manager: [] for manager in MANAGERS}}


def _read_packages(config: Form, kept: Json) -> Json:
    packages = config.child("packages")
    if packages is None:
        return kept
    given = {manager: packages.texts(manager) for manager in MANAGERS if packages.data.get(manager) is not None}
    return {**kept, **given}
