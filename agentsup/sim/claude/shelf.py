"""Plain resources: made, looked up, listed, changed, archived, deleted, and nothing more. One shelf holds those of one type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import invalid, missing
from agentsup.sim.routing import Gate, Route
from agentsup.sim.table import Table
from agentsup.sim.world import World


@attrs.define(eq=False)
class Record:
    """One plain resource."""

    id: str
    place: int
    kind: str
    fields: Json = attrs.field(repr=False)
    """What the client can change, and the id of the parent where there is one."""
    created_at: str
    updated_at: str
    archived_at: str | None = None

    def view(self) -> Json:
        """The resource as the API writes it."""
        return {
            "id": self.id,
            "type": self.kind,
            **self.fields,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "archived_at": self.archived_at,
        }


Reader = Callable[[Form, "Record | None"], Json]
"""The fields after a form: of a new record, or of one that is changed."""

Filter = Callable[[Query], Callable[[Record], bool]]


def everything(_query: Query) -> Callable[[Record], bool]:
    """Filters by nothing of its own."""
    return lambda _record: True


@attrs.frozen
class Kind:
    """What is particular about one type of resource."""

    noun: str
    """As in `/v1/vaults`, for messages: `vault`."""
    kind: str
    """The value of `type`; deleting answers `<kind>_deleted`."""
    prefix: str
    """Of its ids."""
    base: str
    """The path of the list, with the parent's placeholder where there is one."""
    read: Reader
    gate: Gate
    parent: str | None = None
    """The field, and placeholder, that names the parent."""
    keep: Filter = everything
    deletable: bool = True
    once_archived: Mapping[str, object] = attrs.field(factory=dict)
    """What becomes of fields when a record is archived."""


class Shelf:
    """The records of one kind and their endpoints."""

    def __init__(self, world: World, kind: Kind, *, parent: Shelf | None = None) -> None:
        self._world = world
        self._kind = kind
        self._parent = parent
        self._table: Table[Record] = Table(kind.noun)

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        kind = self._kind
        one = f"{kind.base}/{{id}}"
        table = [
            Route("POST", kind.base, self._create, kind.gate),
            Route("GET", kind.base, self._list, kind.gate),
            Route("GET", one, self._retrieve, kind.gate),
            Route("POST", one, self._update, kind.gate),
            Route("POST", f"{one}/archive", self._archive, kind.gate),
        ]
        return [*table, Route("DELETE", one, self._delete, kind.gate)] if kind.deletable else table

    def get(self, key: str) -> Record:
        """The record.

        Raises:
            Refused: 404, there is none with that id.
        """
        return self._table.get(key)

    def find(self, key: str) -> Record | None:
        """The record, None where there is none."""
        return self._table.find(key)

    def found(self, request: Request) -> Record:
        """The record a request names, under the parent it names.

        Raises:
            Refused: 404, there is none, or its parent is gone.
        """
        self._parent_of(request)
        record = self._table.get(request.params["id"])
        if self._kind.parent is not None and record.fields[self._kind.parent] != request.params[self._kind.parent]:
            raise missing(self._kind.noun, record.id)
        return record

    def open_to_change(self, request: Request) -> Record:
        """The record a request is about to change.

        Raises:
            Refused: 404, there is none; 400, it is archived.
        """
        record = self.found(request)
        self.refuse_archived(record)
        return record

    def refuse_archived(self, record: Record) -> None:
        """Refuses changes of a record, and of what is in it.

        Raises:
            Refused: 400, it is archived.
        """
        if record.archived_at is not None:
            raise invalid("", f"{self._kind.noun} {record.id} is archived and cannot be changed")

    def touch(self, record: Record, **fields: object) -> Response:
        """Changes fields of a record and answers with it."""
        record.fields.update(fields)
        record.updated_at = self._world.calendar.stamp()
        return Response.json(record.view())

    def _parent_of(self, request: Request, *, to_change: bool = False) -> Json:
        if self._kind.parent is None or self._parent is None:
            return {}
        parent = self._parent.get(request.params[self._kind.parent])
        if to_change:
            self._parent.refuse_archived(parent)
        return {self._kind.parent: parent.id}

    async def _create(self, request: Request) -> Response:
        parent = self._parent_of(request, to_change=True)
        form = Form.of(request)
        fields = self._kind.read(form, None)
        form.check()
        now = self._world.calendar.stamp()
        key = self._world.mint.id(self._kind.prefix)
        made = Record(key, self._table.next_place(), self._kind.kind, {**parent, **fields}, now, now)
        return Response.json(self._table.add(made).view())

    async def _list(self, request: Request) -> Response:
        parent = self._parent_of(request)
        query = Query(request)
        within, archived = query.moments("created_at"), query.flag("include_archived")
        keep = self._kind.keep(query)
        rows = [
            record
            for record in self._table
            if within(record.created_at)
            and (archived or record.archived_at is None)
            and parent.items() <= record.fields.items()
            and keep(record)
        ]
        paging = Paging.asked(request, default=20, most=100)
        return Response.json(cut_page(rows, lambda row: row.place, paging, self._world.cursors).view(Record.view))

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self.found(request).view())

    async def _update(self, request: Request) -> Response:
        record = self.open_to_change(request)
        form = Form.of(request)
        fields = self._kind.read(form, record)
        form.check()
        return self.touch(record, **fields)

    async def _archive(self, request: Request) -> Response:
        record = self.found(request)
        if record.archived_at is None:
            record.archived_at = record.updated_at = self._world.calendar.stamp()
            record.fields.update(self._kind.once_archived)
        return Response.json(record.view())

    async def _delete(self, request: Request) -> Response:
        record = self._table.remove(self.found(request).id)
        return Response.json({"id": record.id, "type": f"{self._kind.kind}_deleted"})


def read_metadata(form: Form, record: Record | None) -> dict[str, str]:
    """The metadata after a form."""
    return form.metadata(None if record is None else record.fields["metadata"])


def read_kept_text(
    form: Form, record: Record | None, key: str, *, required: bool = False, most: int | None = None
) -> str | None:
    """A text after a form: the record's own where the form does not have it."""
    if record is not None and key not in form:
        kept: str | None = record.fields[key]
        return kept
    return form.text(key, required=required, least=1 if required else 0, most=most)
