"""The rows of one kind of resource, in the order they were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from .refusal import missing


class Stored(Protocol):
    """What a table can hold."""

    @property
    def id(self) -> str:
        """The row's id."""

    @property
    def place(self) -> int:
        """Its number in the order of making; later is higher."""


Row = TypeVar("Row", bound=Stored)


class Table(Generic[Row]):
    """Rows by id; iterating goes from the oldest to the newest."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._rows: dict[str, Row] = {}
        self._made = 0

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def next_place(self) -> int:
        """The place of the row that is about to be made."""
        self._made += 1
        return self._made

    def add(self, row: Row) -> Row:
        """Keeps the row."""
        self._rows[row.id] = row
        return row

    def get(self, key: str) -> Row:
        """The row.

        Raises:
            Refused: 404, there is none with that id (any more).
        """
        row = self._rows.get(key)
        if row is None:
            raise missing(self._noun, key)
        return row

    def find(self, key: str) -> Row | None:
        """The row, None where there is none."""
        return self._rows.get(key)

    def remove(self, key: str) -> Row:
        """Forgets the row.

        Raises:
            Refused: 404, there is none with that id (any more).
        """
        row = self.get(key)
        del self._rows[key]
        return row
