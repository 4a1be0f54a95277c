"""What is mounted into a session: files, repositories, memory stores. Nothing is really mounted; ids, paths and rules are true.

Rules: API reference, "Session resources". Tokens are write-only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.refusal import Refused, invalid, missing
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .files import Files
from .gates import managed_agents
from .session import Session
from .shelf import Record

MOST_RESOURCES = 1000
MOST_STORES = 8
MOST_INSTRUCTION_CHARS = 4096

_KINDS = ("file", "github_repository", "memory_store")


class Resources:
    """Reads the resources of a new session, and serves those of the existing ones."""

    def __init__(self, world: World, files: Files, find_store: Callable[[str], Record | None]) -> None:
        self._world = world
        self._files = files
        self._find_store = find_store
        """A memory store by its id, None where there is none."""
        self._sessions: Callable[[str], Session] | None = None

    def routes(self, sessions: Callable[[str], Session]) -> list[Route]:
        """Their lines of the routing table; `sessions` looks a session up."""
        self._sessions = sessions
        base = "/v1/sessions/{session_id}/resources"
        return [
            Route("GET", base, self._list, managed_agents),
            Route("POST", base, self._add, managed_agents),
            Route("GET", f"{base}/{{resource_id}}", self._retrieve, managed_agents),
            Route("POST", f"{base}/{{resource_id}}", self._rotate, managed_agents),
            Route("DELETE", f"{base}/{{resource_id}}", self._delete, managed_agents),
        ]

    def check(self, form: Form, *, most: int = MOST_RESOURCES) -> list[Form]:
        """Notes what is wrong with the `resources` of a session to be."""
        resources = list(form.children("resources", most=most))
        for resource in resources:
            self._check_one(resource, _KINDS)
        if sum(resource.data.get("type") == "memory_store" for resource in resources) > MOST_STORES:
            form.wrong("resources", f"must have at most {MOST_STORES} memory stores")
        return resources

    def check_usable(self, resources: Iterable[Form]) -> None:
        """Looks up again what was checked some time ago.

        Raises:
            Refused: 404, a file or store is gone; 400, a store is archived.
        """
        for resource in resources:
            key: str = resource.data.get("file_id") or resource.data.get("memory_store_id") or ""
            store = self._find_store(key) if resource.data["type"] == "memory_store" else None
            if resource.data["type"] == "file" and not self._files.exists(key):
                raise _gone("file", key, "file_not_found")
            if resource.data["type"] == "memory_store" and store is None:
                raise _gone("memory store", key, "session_resource_not_found")
            if store is not None and store.archived_at is not None:
                raise invalid("resources", f"memory store {key} is archived", code="memory_store_archived")

    def mount(self, resource: Form, session_id: str) -> Json:
        """A checked resource as the session carries it."""
        now = self._world.calendar.stamp()
        given = resource.data
        kept = {"type": given["type"], "id": self._world.mint.id("sesrsc"), "created_at": now, "updated_at": now}
        if given["type"] == "file":
            mounted = self._files.mount(given["file_id"], session_id)
            path = given.get("mount_path") or f"/mnt/session/uploads/{given['file_id']}"
            return {**kept, "file_id": mounted.id, "mount_path": path}
        if given["type"] == "github_repository":
            repository = given["url"].rstrip("/").rpartition("/")[2].removesuffix(".git")
            path = given.get("mount_path") or f"/workspace/{repository}"
            return {**kept, "url": given["url"], "checkout": checkout_of(given), "mount_path": path}
        store = self._find_store(given["memory_store_id"])
        fields: Json = {} if store is None else store.fields
        return {
            "type": "memory_store",
            "memory_store_id": given["memory_store_id"],
            "name": fields.get("name"),
            "description": fields.get("description"),
            "access": given.get("access") or "read_write",
            "instructions": given.get("instructions"),
            "mount_path": f"/mnt/memory/{_slug(fields.get('name', ''))}",
        }

    def _check_one(self, form: Form, kinds: tuple[str, ...]) -> None:
        kind = form.choice("type", kinds, required=True)
        form.text("mount_path", least=1)
        if kind == "file":
            file_id = form.text("file_id", required=True, least=1)
            if file_id is not None and not self._files.exists(file_id):
                form.wrong("file_id", f"there is no file {file_id}")
        elif kind == "github_repository":
            form.text("url", required=True, least=1)
            form.text("authorization_token")
            checkout = form.child("checkout")
            if checkout is not None:
                by = checkout.choice("type", ("branch", "commit"), required=True)
                checkout.text("sha" if by == "commit" else "name", required=True, least=1)
        elif kind == "memory_store":
            store_id = form.text("memory_store_id", required=True, least=1)
            store = None if store_id is None else self._find_store(store_id)
            if store_id is not None and store is None:
                form.wrong("memory_store_id", f"there is no memory store {store_id}")
            if store is not None and store.archived_at is not None:
                form.wrong("memory_store_id", f"memory store {store_id} is archived")
            form.choice("access", ("read_write", "read_only"))
            form.text("instructions", most=MOST_INSTRUCTION_CHARS)

    # The endpoints

    def _session(self, request: Request) -> Session:
        if self._sessions is None:
            raise missing("session", request.params["session_id"])
        return self._sessions(request.params["session_id"])

    def _find(self, request: Request) -> tuple[Session, Json]:
        session = self._session(request)
        for resource in session.resources:
            if resource.get("id") == request.params["resource_id"]:
                return session, resource
        raise missing("session resource", request.params["resource_id"])

    def _open_to_change(self, request: Request) -> tuple[Session, Json]:
        session, resource = self._find(request)
        if session.archived_at is not None:
            raise invalid("", f"session {session.id} is archived and cannot be changed")
        return session, resource

    async def _list(self, request: Request) -> Response:
        session = self._session(request)
        rows = list(enumerate(session.resources, 1))
        paging = Paging.asked(request, default=MOST_RESOURCES, most=MOST_RESOURCES, order="asc")
        page = cut_page(rows, lambda row: row[0], paging, self._world.cursors)
        return Response.json(page.view(lambda row: row[1]))

    async def _add(self, request: Request) -> Response:
        session = self._session(request)
        form = Form.of(request)
        self._check_one(form, ("file",))
        if len(session.resources) >= MOST_RESOURCES:
            form.wrong("", f"a session has at most {MOST_RESOURCES} resources")
        if session.archived_at is not None:
            form.wrong("", f"session {session.id} is archived and cannot be changed")
        form.check()
        resource = self.mount(form, session.id)
        session.resources.append(resource)
        return Response.json(resource)

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self._find(request)[1])

    async def _rotate(self, request: Request) -> Response:
        _, resource = self._open_to_change(request)
        form = Form.of(request)
        form.text("authorization_token", required=True, least=1)
        form.check()
        if resource["type"] != "github_repository":
            raise invalid("authorization_token", "is only for a github_repository")
        resource["updated_at"] = self._world.calendar.stamp()
        return Response.json(resource)

    async def _delete(self, request: Request) -> Response:
        session, resource = self._open_to_change(request)
        session.resources.remove(resource)
        return Response.json({"id": resource["id"], "type": "session_resource_deleted"})


def checkout_of(repository: Json) -> Json | None:
    """What of a checked repository is checked out; None for its default branch."""
    checkout: Json | None = repository.get("checkout")
    return checkout and {key: checkout[key] for key in ("type", "name", "sha") if key in checkout}


def _gone(noun: str, key: str, code: str) -> Refused:
    return Refused(404, f"{noun} {key} was not found ({code})", details={"error_code": code})


def _slug(name: str) -> str:
    """A store's name as its folder: in lower case, every run of anything but ASCII letters and digits one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
