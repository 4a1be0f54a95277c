"""Reads a request's query parameters; unknown ones are nobody's business."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Collection

from .exchange import Request
from .refusal import invalid

_COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_DIGITS = 9  # no limit of this API is longer; int() would refuse thousands of them
_TRUE = {"true": True, "1": True, "false": False, "0": False}


class Query:
    """The parameters of one request; each reader refuses a value it cannot use with a 400 that names the parameter."""

    def __init__(self, request: Request) -> None:
        self._pairs = request.query

    def text(self, name: str) -> str | None:
        """The last value given for the name, None for none."""
        values = [value for key, value in self._pairs if key == name]
        return values[-1] if values else None

    def many(self, name: str, choices: Collection[str] | None = None) -> list[str]:
        """Every value of an array parameter, written `name[]=a` or `name=a`."""
        values = [value for key, value in self._pairs if key in (name, f"{name}[]")]
        for value in values:
            if choices is not None and value not in choices:
                raise invalid(name, f"must be one of {', '.join(sorted(choices))}")
        return values

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One of a few words."""
        found = self.text(name)
        if found is None:
            return default
        if found not in choices:
            raise invalid(name, f"must be one of {', '.join(sorted(choices))}")
        return found

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        found = self.text(name)
        if found is None:
            return default
        if not (found.isascii() and found.isdecimal() and len(found) <= _DIGITS and least <= int(found) <= most):
            raise invalid(name, f"must be between {least} and {most}")
        return int(found)

    def flag(self, name: str) -> bool:
        """True or false; false where it is missing."""
        found = self.text(name)
        if found is None:
            return False
        if found.lower() not in _TRUE:
            raise invalid(name, "must be true or false")
        return _TRUE[found.lower()]

    def moments(self, name: str) -> Callable[[object], bool]:
        """The test for a range of times written `name[gte]=2026-11-21T00:00:00Z`; what is no RFC 3339 stamp is in no range."""
        found = {op: self._moment(f"{name}[{op}]") for op in _COMPARE}
        bounds = [(_COMPARE[op], moment) for op, moment in found.items() if moment is not None]

        def within(stamp: object) -> bool:
            if not bounds:
                return True
            try:
                moment = _read_moment(stamp)
            except ValueError:
                return False
            return all(compare(moment, bound) for compare, bound in bounds)

        return within

    def _moment(self, name: str) -> datetime.datetime | None:
        found = self.text(name)
        if found is None:
            return None
        try:
            return _read_moment(found)
        except ValueError as error:
            raise invalid(name, "must be a time in RFC 3339 form") from error


def _read_moment(stamp: object) -> datetime.datetime:
    """A time in RFC 3339 form, in UTC where it names no zone; anything else is a ValueError."""
    moment = datetime.datetime.fromisoformat(stamp if isinstance(stamp, str) else "")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
