"""The events of one session or thread: their history, and the streams that are open on it.

An event from the client that has to wait its turn is in the history at once, at the end and without `processed_at`; when its turn
comes it is stamped, takes its place among the processed ones and is shown to the streams a second time under the same id
(API reference, "Session events": `processed_at` is null while queued).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

import attrs
import trio

from agentsup.sim.exchange import Json, encode_json
from agentsup.sim.pages import Cursors, Page, Paging

from .tap import Tap

_NO_PLACE = 1 << 62

PAUSE_EVERY_BYTES = 256 * 1024
COMFORTABLE_BYTES = 4 * 1024 * 1024
PATIENCE_S = 5.0
"""A preview pauses that often, and waits that long for a reader with that much unread; who never reads does not hold a turn up for long."""


@attrs.define(eq=False)
class Entry:
    """One event in the history."""

    event: Json
    place: int
    """Its number among the processed events; above all of them while it waits."""
    arrival: int
    """Its number among those that had to wait, 0 for the others."""


class Feed:
    """History and open streams; everything is published to both in the same step."""

    def __init__(self) -> None:
        self._done: list[Entry] = []
        self._waiting: dict[str, Entry] = {}
        self._arrivals = 0
        self._taps: dict[Tap, None] = {}

    def __repr__(self) -> str:
        return f"<Feed events={len(self._done)} waiting={len(self._waiting)} streams={len(self._taps)}>"

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._taps)

    def publish(self, event: Json) -> Json:
        """Adds a processed event to the history and shows it."""
        self._done.append(Entry(event, len(self._done) + 1, 0))
        self._show(event)
        return event

    def wait(self, event: Json) -> Json:
        """Adds an event that has to wait its turn, and shows it."""
        self._arrivals += 1
        self._waiting[event["id"]] = Entry(event, _NO_PLACE, self._arrivals)
        self._show(event)
        return event

    def settle(self, event: Json, processed_at: str) -> Json:
        """The waiting event's turn has come: stamps it, gives it its place, and shows it again."""
        entry = self._waiting.pop(event["id"])
        entry.event = {**event, "processed_at": processed_at}
        entry.place = len(self._done) + 1
        self._done.append(entry)
        self._show(entry.event)
        return entry.event

    def preview(self, event: Json) -> Preview:
        """Begins to preview an event for the streams that asked for previews of its type; the history never has any of it."""
        wanting = [tap for tap in self._taps if event["type"] in tap.deltas]
        return Preview(event, wanting, self._push)

    def show_raw(self, event_name: str, data: str) -> None:
        """Shows a frame as it is."""
        self._push(f"event: {event_name}\ndata: {data}\n\n".encode("utf-8", "replace"), list(self._taps))

    def open(self, deltas: frozenset[str] = frozenset()) -> Tap:
        """A new stream, which hears everything from this moment on."""
        tap = Tap(self._forget, deltas)
        self._taps[tap] = None
        return tap

    def cut(self) -> None:
        """Breaks every open stream in the middle of a frame."""
        self._let_go(Tap.cut)

    def end(self) -> None:
        """Ends every open stream cleanly."""
        self._let_go(Tap.end)

    def page(self, paging: Paging, cursors: Cursors, keep: Callable[[Json], bool]) -> Page[Json]:
        """One page of the history; walking through all pages sees every event of the first page's moment once, and ascending ones new events as well."""
        place = None if paging.page is None else cursors.read(paging.page, paging.scope, paging.order)
        rest = self._rest_ascending(place) if paging.order == "asc" else self._rest_descending(place)
        kept = list(islice((entry for entry in rest if keep(entry.event)), paging.limit + 1))
        rows = kept[: paging.limit]
        next_page = None
        if len(kept) > len(rows):
            next_page = cursors.write(paging.scope, paging.order, *self._place_after(rows, place, paging))
        return Page([entry.event for entry in rows], next_page, None)

    def _rest_ascending(self, place: tuple[int, ...] | None) -> Iterable[Entry]:
        """What comes behind (place, arrival): an event that was shown waiting is not shown again once it is processed."""
        last, arrival = place or (0, 0)
        for entry in islice(self._done, last, None):
            if not 0 < entry.arrival <= arrival:
                yield entry
        yield from (entry for entry in self._waiting.values() if entry.arrival > arrival)

    def _rest_descending(self, place: tuple[int, ...] | None) -> Iterable[Entry]:
        """What comes before (newest place at the first page, place, arrival), as the history was at the first page."""
        newest, last, arrival = place or (len(self._done), len(self._done) + 1, self._arrivals + 1)
        waited = [entry for entry in self._done[newest:] if 0 < entry.arrival < arrival]
        waited += [entry for entry in self._waiting.values() if entry.arrival < arrival]
        yield from sorted(waited, key=lambda entry: -entry.arrival)
        yield from (self._done[number - 1] for number in range(last - 1, 0, -1))

    def _place_after(self, rows: list[Entry], place: tuple[int, ...] | None, paging: Paging) -> tuple[int, ...]:
        if paging.order == "asc":
            last, arrival = place or (0, 0)
            last = max((entry.place for entry in rows if entry.place != _NO_PLACE), default=last)
            return last, max((entry.arrival for entry in rows if entry.place == _NO_PLACE), default=arrival)
        newest, last, arrival = place or (len(self._done), len(self._done) + 1, self._arrivals + 1)
        below = min((entry.place for entry in rows if entry.place <= newest), default=last)
        return newest, below, min((entry.arrival for entry in rows if entry.place > newest), default=arrival)

    def _forget(self, tap: Tap) -> None:
        self._taps.pop(tap, None)

    def _show(self, event: Json) -> None:
        if self._taps:
            self._push(frame(event["type"], event), list(self._taps))

    def _push(self, data: bytes, taps: list[Tap]) -> None:
        for tap in taps:
            tap.push(data)
            if not tap.open:
                self._forget(tap)

    def _let_go(self, ending: Callable[[Tap], None]) -> None:
        for tap in self._taps:
            ending(tap)
        self._taps.clear()


class Preview:
    """One event while it is produced, on the streams that were open when that began and had asked for it."""

    def __init__(self, event: Json, taps: list[Tap], push: Callable[[bytes, list[Tap]], None]) -> None:
        self._event = event
        self._taps = taps
        self._push = push
        self._since_pause = 0
        if taps:
            self._show({"type": "event_start", "event": {"type": event["type"], "id": event["id"]}})

    @property
    def wanted(self) -> bool:
        """Whether anybody still listens."""
        return any(tap.open for tap in self._taps)

    def add(self, content: Json) -> bool:
        """Shows one piece, and answers whether it is time for a pause."""
        delta = {"type": "content_delta", "index": 0, "content": content}
        self._show({"type": "event_delta", "event_id": self._event["id"], "delta": delta})
        return self._since_pause >= PAUSE_EVERY_BYTES

    async def pause(self) -> None:
        """Others have their turn, and readers who fall behind are given a moment."""
        self._since_pause = 0
        await trio.lowlevel.checkpoint()
        for tap in self._taps:
            if tap.unread_bytes > COMFORTABLE_BYTES:
                with trio.move_on_after(PATIENCE_S):
                    await tap.caught_up()

    def _show(self, shown: Json) -> None:
        data = frame(shown["type"], shown)
        self._since_pause += len(data)
        self._push(data, self._taps)


def frame(name: str, event: Json) -> bytes:
    """The event as a frame of the stream: name line, one data line, blank line."""
    return b"event: %s\ndata: %s\n\n" % (name.encode("utf-8", "replace"), encode_json(event))
