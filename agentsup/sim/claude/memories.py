"""Memory stores, the memories in them, and every version a memory ever had.

Rules: API reference, "Memory stores", "Memories", "Memory versions".
"""

from __future__ import annotations

import hashlib
import unicodedata

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Order, Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import Refused, invalid, missing
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .gates import agent_memory
from .shelf import Kind, Record, Shelf, read_kept_text, read_metadata

MOST_PATH_BYTES = 1024
MOST_SEGMENTS = 20
MOST_CONTENT_BYTES = 102_400
MOST_FULL_PER_PAGE = 20

API_KEY_ID = "apikey_simulated"
"""Who wrote everything there is: the simulator's agents write no memories."""

_VIEWS = ("basic", "full")
_OPERATIONS = ("created", "modified", "deleted")


@attrs.frozen
class MemoryVersion:
    """One state a memory was in."""

    id: str
    place: int
    store_id: str
    memory_id: str
    operation: str
    path: str | None
    content: str | None = attrs.field(repr=False)
    created_at: str
    redacted_at: str | None = None

    def view(self, *, full: bool) -> Json:
        """The version as the API writes it."""
        return {
            "id": self.id,
            "type": "memory_version",
            "memory_store_id": self.store_id,
            "memory_id": self.memory_id,
            "operation": self.operation,
            "path": self.path,
            **_content_fields(self.content),
            "content": self.content if full else None,
            "created_at": self.created_at,
            "created_by": {"type": "api_actor", "api_key_id": API_KEY_ID},
            "redacted_at": self.redacted_at,
            "redacted_by": None,
        }


@attrs.define(eq=False)
class Memory:
    """One memory, as it is now."""

    id: str
    place: int
    store_id: str
    path: str
    content: str = attrs.field(repr=False)
    created_at: str
    updated_at: str
    version_id: str = ""

    def view(self, *, full: bool) -> Json:
        """The memory as the API writes it."""
        return {
            "id": self.id,
            "type": "memory",
            "memory_store_id": self.store_id,
            "memory_version_id": self.version_id,
            "path": self.path,
            **_content_fields(self.content),
            "content": self.content if full else None,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


def _content_fields(content: str | None) -> Json:
    if content is None:
        return {"content_sha256": None, "content_size_bytes": None}
    data = content.encode("utf-8", "replace")
    return {"content_sha256": hashlib.sha256(data).hexdigest(), "content_size_bytes": len(data)}


class Memories:
    """The stores, their memories and versions, and the endpoints of all three."""

    def __init__(self, world: World) -> None:
        self._world = world
        kind = Kind("memory store", "memory_store", "memstore", "/v1/memory_stores", _read_store, agent_memory)
        self._stores = Shelf(world, kind)
        self._memories: Table[Memory] = Table("memory")
        self._versions: Table[MemoryVersion] = Table("memory version")

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        memories, versions = "/v1/memory_stores/{store_id}/memories", "/v1/memory_stores/{store_id}/memory_versions"
        return [
            *self._stores.routes(),
            Route("POST", memories, self._create, agent_memory),
            Route("GET", memories, self._list, agent_memory),
            Route("GET", f"{memories}/{{id}}", self._retrieve, agent_memory),
            Route("POST", f"{memories}/{{id}}", self._update, agent_memory),
            Route("DELETE", f"{memories}/{{id}}", self._delete, agent_memory),
            Route("GET", versions, self._list_versions, agent_memory),
            Route("GET", f"{versions}/{{id}}", self._retrieve_version, agent_memory),
            Route("POST", f"{versions}/{{id}}/redact", self._redact, agent_memory),
        ]

    def store(self, store_id: str) -> Record | None:
        """A store, None where there is none with that id."""
        return self._stores.find(store_id)

    def _open_store(self, request: Request) -> Record:
        """The store whose memories a request is about to change."""
        store = self._stores.get(request.params["store_id"])
        self._stores.refuse_archived(store)
        return store

    def _memory(self, request: Request) -> Memory:
        self._stores.get(request.params["store_id"])
        memory = self._memories.get(request.params["id"])
        if memory.store_id != request.params["store_id"]:
            raise missing("memory", memory.id)
        return memory

    def _version(self, request: Request) -> MemoryVersion:
        self._stores.get(request.params["store_id"])
        version = self._versions.get(request.params["id"])
        if version.store_id != request.params["store_id"]:
            raise missing("memory version", version.id)
        return version

    def _record(self, memory: Memory, operation: str) -> None:
        version = MemoryVersion(
            self._world.mint.id("memver"),
            self._versions.next_place(),
            memory.store_id,
            memory.id,
            operation,
            memory.path,
            None if operation == "deleted" else memory.content,
            self._world.calendar.stamp(),
        )
        memory.version_id = self._versions.add(version).id

    def _check_free(self, store_id: str, path: str, *, but: str | None = None) -> None:
        for memory in self._memories:
            if memory.store_id == store_id and memory.path == path and memory.id != but:
                raise _conflict("memory_path_conflict_error", f"path: {path} is taken by {memory.id}")

    async def _create(self, request: Request) -> Response:
        store = self._open_store(request)
        form = Form.of(request)
        path, content = _read_path(form, required=True) or "", _read_content(form) or ""
        if "content" not in form:
            form.wrong("content", "field required")
        form.check()
        self._check_free(store.id, path)
        now = self._world.calendar.stamp()
        place = self._memories.next_place()
        made = self._memories.add(Memory(self._world.mint.id("mem"), place, store.id, path, content, now, now))
        self._record(made, "created")
        return Response.json(made.view(full=_full(request, default="basic")))

    async def _list(self, request: Request) -> Response:
        store = self._stores.get(request.params["store_id"])
        query = Query(request)
        prefix = query.text("path_prefix") or "/"
        if not prefix.endswith("/"):
            raise invalid("path_prefix", "must end with /: it stands for whole segments")
        depth = query.integer("depth", default=0, least=0, most=MOST_SEGMENTS)
        rows = [memory for memory in self._memories if memory.store_id == store.id and memory.path.startswith(prefix)]
        rows, folders = _fold(rows, prefix, depth)
        full = _full(request, default="basic")
        paging = _paging(request, full=full, order="asc")
        page = cut_page(rows, lambda row: row.place, paging, self._world.cursors)
        return Response.json(page.view(lambda row: folders.get(row.id) or row.view(full=full)))

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self._memory(request).view(full=_full(request, default="full")))

    async def _update(self, request: Request) -> Response:
        self._open_store(request)
        memory = self._memory(request)
        form = Form.of(request)
        path, content = _read_path(form), _read_content(form)
        precondition = form.child("precondition")
        expected = None
        if precondition is not None:
            precondition.choice("type", ("content_sha256",), required=True)
            expected = precondition.text("content_sha256", required=True)
        form.check()
        _check_precondition(memory, expected)
        if path is not None:
            self._check_free(memory.store_id, path, but=memory.id)
            memory.path = path
        if content is not None:
            memory.content = content
        memory.updated_at = self._world.calendar.stamp()
        self._record(memory, "modified")
        return Response.json(memory.view(full=_full(request, default="basic")))

    async def _delete(self, request: Request) -> Response:
        memory = self._memory(request)
        _check_precondition(memory, Query(request).text("expected_content_sha256"))
        self._memories.remove(memory.id)
        self._record(memory, "deleted")
        return Response.json({"id": memory.id, "type": "memory_deleted"})

    async def _list_versions(self, request: Request) -> Response:
        store = self._stores.get(request.params["store_id"])
        query = Query(request)
        within, memory_id = query.moments("created_at"), query.text("memory_id")
        operations = query.many("operation", _OPERATIONS)
        others = query.text("session_id") is not None or query.text("service_account_id") is not None
        ours = not others and query.text("api_key_id") in (None, API_KEY_ID)
        rows = [
            version
            for version in self._versions
            if version.store_id == store.id
            and ours
            and within(version.created_at)
            and (memory_id is None or version.memory_id == memory_id)
            and (not operations or version.operation in operations)
        ]
        full = _full(request, default="basic")
        paging = _paging(request, full=full, order="desc")
        page = cut_page(rows, lambda row: row.place, paging, self._world.cursors)
        return Response.json(page.view(lambda row: row.view(full=full)))

    async def _retrieve_version(self, request: Request) -> Response:
        return Response.json(self._version(request).view(full=_full(request, default="full")))

    async def _redact(self, request: Request) -> Response:
        version = self._version(request)
        if version.redacted_at is None:
            version = attrs.evolve(version, path=None, content=None, redacted_at=self._world.calendar.stamp())
            self._versions.add(version)
        return Response.json(version.view(full=True))


def _read_store(form: Form, record: Record | None) -> Json:
    return {
        "name": read_kept_text(form, record, "name", required=True, most=255),
        "description": read_kept_text(form, record, "description", most=1024) or "",
        "metadata": read_metadata(form, record),
    }


def _read_path(form: Form, *, required: bool = False) -> str | None:
    path = form.text("path", required=required)
    if path is None:
        return None
    segments = path.split("/")
    good = path.startswith("/") and path.isprintable() and 2 <= len(segments) <= MOST_SEGMENTS + 1
    long = len(path.encode("utf-8", "replace")) > MOST_PATH_BYTES
    if not good or long or any(segment in ("", ".", "..") for segment in segments[1:]):
        form.wrong("path", "must begin with / and have 1 to 20 segments, none empty, . or .., of 1024 bytes in all")
    elif not unicodedata.is_normalized("NFC", path):
        form.wrong("path", "must be in Unicode Normalization Form C")
    return path


def _read_content(form: Form) -> str | None:
    content = form.text("content")
    if content is not None and len(content.encode("utf-8", "replace")) > MOST_CONTENT_BYTES:
        form.wrong("content", f"must have at most {MOST_CONTENT_BYTES} bytes")
    return content


def _full(request: Request, *, default: str) -> bool:
    return Query(request).choice("view", _VIEWS, default) == "full"


def _paging(request: Request, *, full: bool, order: Order) -> Paging:
    """Pages of up to 100 rows, of up to 20 where each is whole."""
    asked = Paging.asked(request, default=MOST_FULL_PER_PAGE, most=100, order=order)
    return attrs.evolve(asked, limit=min(asked.limit, MOST_FULL_PER_PAGE)) if full else asked


def _fold(rows: list[Memory], prefix: str, depth: int) -> tuple[list[Memory], dict[str, Json]]:
    """The memories down to `depth` below the prefix (0 for all); of each deeper folder its first memory, and what stands for it."""
    if not depth:
        return rows, {}
    kept: list[Memory] = []
    folders: dict[str, Json] = {}
    seen: set[str] = set()
    base = prefix[: prefix.rfind("/") + 1]
    for memory in rows:
        segments = memory.path[len(base) :].split("/")
        folder = base + "/".join(segments[:depth]) + "/"
        if len(segments) > depth and folder in seen:
            continue
        kept.append(memory)
        if len(segments) > depth:
            seen.add(folder)
            folders[memory.id] = {"type": "memory_prefix", "path": folder}
    return kept, folders


def _conflict(kind: str, message: str) -> Refused:
    return Refused(409, message, kind=kind, headers=(("x-should-retry", "false"),))


def _check_precondition(memory: Memory, expected: str | None) -> None:
    if expected is not None and expected != _content_fields(memory.content)["content_sha256"]:
        raise _conflict("memory_precondition_failed_error", f"memory {memory.id} has another content_sha256")
