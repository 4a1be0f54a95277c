"""Files: uploads, which only sessions read, and what sessions write into their outputs, which only clients read.

Rules: API reference, "Files"; a session's outputs folder is `/mnt/session/outputs/`.
"""

from __future__ import annotations

import datetime
import mimetypes

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.mint import rfc3339
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import Refused, invalid
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .gates import check_key
from .multipart import read_parts

SHORTEST_LIFE_S = 3600
LONGEST_LIFE_S = 7_776_000
MOST_IDS = 100
MOST_NAME_CHARS = 500


@attrs.define(eq=False)
class File:
    """One file."""

    id: str
    place: int
    filename: str
    mime_type: str
    content: bytes = attrs.field(repr=False)
    created_at: str
    session_id: str | None = None
    """The session it belongs to, None for an upload."""
    downloadable: bool = False
    expires_at: datetime.datetime | None = None

    def view(self) -> Json:
        """The file's metadata as the API writes it."""
        return {
            "id": self.id,
            "type": "file",
            "filename": self.filename,
            "mime_type": self.mime_type,
            "size_bytes": len(self.content),
            "created_at": self.created_at,
            "downloadable": self.downloadable,
            "expires_at": None if self.expires_at is None else rfc3339(self.expires_at),
            "scope": None if self.session_id is None else {"type": "session", "id": self.session_id},
        }


class Files:
    """The files and their endpoints."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._table: Table[File] = Table("file")

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        base = "/v1/files"
        return [
            Route("POST", base, self._upload, check_key),
            Route("GET", base, self._list, check_key),
            Route("GET", f"{base}/{{file_id}}", self._retrieve, check_key),
            Route("GET", f"{base}/{{file_id}}/content", self._download, check_key),
            Route("DELETE", f"{base}/{{file_id}}", self._delete, check_key),
        ]

    def exists(self, file_id: str) -> bool:
        """Whether there is such a file, not yet expired."""
        found = self._table.find(file_id)
        return found is not None and not self._expired(found)

    def write_output(self, session_id: str, name: str, content: bytes) -> File:
        """A file the agent wrote into its outputs; writing a name again makes another file."""
        return self._add(name, mimetypes.guess_type(name)[0], content, session_id=session_id, downloadable=True)

    def mount(self, file_id: str, session_id: str) -> File:
        """The session's own copy of an upload, with an id of its own."""
        original = self._get(file_id)
        return self._add(original.filename, original.mime_type, original.content, session_id=session_id)

    def _add(
        self,
        name: str,
        mime_type: str | None,
        content: bytes,
        *,
        session_id: str | None = None,
        downloadable: bool = False,
        life_s: int | None = None,
    ) -> File:
        expires_at = None if life_s is None else self._world.calendar.now() + datetime.timedelta(seconds=life_s)
        made = File(
            self._world.mint.id("file"),
            self._table.next_place(),
            name,
            mime_type or "application/octet-stream",
            content,
            self._world.calendar.stamp(),
            session_id,
            downloadable,
            expires_at,
        )
        return self._table.add(made)

    def _expired(self, file: File) -> bool:
        return file.expires_at is not None and self._world.calendar.now() >= file.expires_at

    def _get(self, file_id: str) -> File:
        file = self._table.get(file_id)
        if self._expired(file):
            details = {"error_code": "file_expired"}
            raise Refused(404, f"file {file_id} has expired (file_expired)", details=details)
        return file

    async def _upload(self, request: Request) -> Response:
        parts = {part.name: part for part in read_parts(request)}
        file = parts.get("file")
        if file is None:
            raise invalid("file", "field required")
        name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
        name = name or f"unnamed{mimetypes.guess_extension(file.content_type) or ''}"
        if len(name) > MOST_NAME_CHARS:
            raise invalid("file", f"the filename must have at most {MOST_NAME_CHARS} characters")
        life = parts.get("expires_in_seconds")
        life_s = None if life is None else _read_life(life.content)
        return Response.json(self._add(name, file.content_type, file.content, life_s=life_s).view())

    async def _list(self, request: Request) -> Response:
        query = Query(request)
        ids, scope_id = set(query.many("ids")), query.text("scope_id")
        if ids and (query.text("page") is not None or query.text("limit") is not None):
            raise invalid("ids", "cannot be combined with page or limit")
        if len(ids) > MOST_IDS:
            raise invalid("ids", f"must have at most {MOST_IDS} values")
        rows = [
            file
            for file in self._table
            if not self._expired(file)
            and (not ids or file.id in ids)
            and (scope_id is None or file.session_id == scope_id)
        ]
        paging = Paging.asked(request, default=max(20, len(ids)), most=1000)
        return Response.json(cut_page(rows, lambda file: file.place, paging, self._world.cursors).view(File.view))

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self._get(request.params["file_id"]).view())

    async def _download(self, request: Request) -> Response:
        file = self._get(request.params["file_id"])
        if not file.downloadable:
            details = {"error_code": "file_not_downloadable"}
            message = f"file {file.id} was uploaded and cannot be downloaded (file_not_downloadable)"
            raise Refused(400, message, details=details)
        return Response(200, (("content-type", file.mime_type),), file.content)

    async def _delete(self, request: Request) -> Response:
        file = self._table.remove(request.params["file_id"])
        return Response.json({"id": file.id, "type": "file_deleted"})


def _read_life(value: bytes) -> int:
    text = value.decode("latin-1").strip()
    if not text.isdecimal() or len(text) > 9 or not SHORTEST_LIFE_S <= int(text) <= LONGEST_LIFE_S:
        raise invalid("expires_in_seconds", f"must be between {SHORTEST_LIFE_S} and {LONGEST_LIFE_S}")
    return int(text)
