"""Reads the fields of a JSON object and remembers everything that is wrong with them, each with its path.

Paths are dotted, as the Claude API writes them: `events.0.content.1.text`.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from typing import Any

from agentsup.errors import Problem

from .exchange import Json, Request
from .refusal import invalid_fields

METADATA_PAIRS = 16
METADATA_KEY_CHARS = 64
METADATA_VALUE_CHARS = 512


class Form:
    """One JSON object under inspection; its children share its list of problems.

    Every reader returns the value, or None where it is missing, null or wrong; `check` raises once for all of them.
    """

    def __init__(self, data: Any, path: str = "", problems: list[Problem] | None = None) -> None:
        self.path = path
        self.problems = [] if problems is None else problems
        self.data: Json = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            self.problems.append(Problem(path or "body", "must be an object"))

    @classmethod
    def of(cls, request: Request) -> Form:
        """The form in a request's body; a request without a body is an empty form."""
        return cls(request.json() if request.body.strip() else {})

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def wrong(self, key: str, message: str) -> None:
        """Remembers a problem of the field `key` (of the object itself where it is empty)."""
        self.problems.append(Problem(".".join(part for part in (self.path, key) if part), message))

    def check(self) -> None:
        """Raises if anything was wrong.

        Raises:
            Refused: 400 that names every field.
        """
        if self.problems:
            raise invalid_fields(self.problems)

    def value(self, key: str, kind: type | tuple[type, ...], noun: str, *, required: bool = False) -> Any:
        """The field if it is of that kind; booleans are no numbers."""
        found = self.data.get(key)
        if found is None:
            if required:
                self.wrong(key, "field required")
            return None
        wants_bool = kind is bool or (isinstance(kind, tuple) and bool in kind)
        if not isinstance(found, kind) or (isinstance(found, bool) and not wants_bool):
            self.wrong(key, f"must be {noun}")
            return None
        return found

    def text(self, key: str, *, required: bool = False, least: int = 0, most: int | None = None) -> str | None:
        """A string of `least` to `most` characters."""
        found: str | None = self.value(key, str, "a string", required=required)
        if found is not None and len(found) < least:
            self.wrong(key, f"must have at least {least} character{'s' if least > 1 else ''}")
        if found is not None and most is not None and len(found) > most:
            self.wrong(key, f"must have at most {most} characters")
        return found

    def moment(self, key: str) -> str | None:
        """A time in RFC 3339 form, as it is written."""
        found = self.text(key)
        if found is None:
            return None
        try:
            datetime.datetime.fromisoformat(found)
        except ValueError:
            self.wrong(key, "must be a time in RFC 3339 form")
        return found

    def choice(self, key: str, choices: Collection[str], *, required: bool = False) -> str | None:
        """One of a few words."""
        found = self.text(key, required=required)
        if found is not None and found not in choices:
            self.wrong(key, f"must be one of {', '.join(sorted(choices))}")
            return None
        return found

    def integer(self, key: str, *, least: int, most: int, required: bool = False) -> int | None:
        """A whole number from `least` to `most`."""
        found: int | None = self.value(key, int, "an integer", required=required)
        if found is not None and not least <= found <= most:
            self.wrong(key, f"must be between {least} and {most}")
            return None
        return found

    def boolean(self, key: str, *, required: bool = False) -> bool | None:
        """True or false."""
        found: bool | None = self.value(key, bool, "a boolean", required=required)
        return found

    def array(self, key: str, *, required: bool = False, least: int = 0, most: int | None = None) -> list[Any]:
        """A list of `least` to `most` items; empty where it is missing."""
        found = self.value(key, list, "an array", required=required)
        if found is None:
            return []
        if len(found) < least:
            self.wrong(key, f"must have at least {least} item{'s' if least > 1 else ''}")
        if most is not None and len(found) > most:
            self.wrong(key, f"must have at most {most} items")
        return list(found)

    def texts(self, key: str, *, most: int | None = None) -> list[str]:
        """A list of strings."""
        found = self.array(key, most=most)
        for index, item in enumerate(found):
            if not isinstance(item, str):
                self.wrong(f"{key}.{index}", "must be a string")
        return [item for item in found if isinstance(item, str)]

    def child(self, key: str, *, required: bool = False) -> Form | None:
        """The object in a field, as a form of its own."""
        found = self.value(key, dict, "an object", required=required)
        return None if found is None else self.at(key, found)

    def children(self, key: str, *, required: bool = False, least: int = 0, most: int | None = None) -> Iterator[Form]:
        """The objects in a list, each as a form of its own."""
        for index, item in enumerate(self.array(key, required=required, least=least, most=most)):
            yield self.at(f"{key}.{index}", item)

    def at(self, key: str, data: Any) -> Form:
        """A form for `data`, found under `key` of this one."""
        return Form(data, ".".join(part for part in (self.path, key) if part), self.problems)

    def metadata(self, current: dict[str, str] | None = None, *, empty_deletes: bool = False) -> dict[str, str]:
        """The metadata after this form: a patch of `current`, where null (and an empty text, where told) deletes a key.

        At most 16 pairs, keys of 64 and values of 512 characters (API reference, "Create a session").
        """
        merged = dict(current or {})
        patch = self.value("metadata", dict, "an object") or {}
        for key, value in patch.items():
            if value is None or (empty_deletes and value == ""):
                merged.pop(key, None)
            elif (
                not isinstance(value, str)
                or len(value) > METADATA_VALUE_CHARS
                or not 0 < len(key) <= METADATA_KEY_CHARS
            ):
                self.wrong(f"metadata.{key}", "must be a string of at most 512 characters under a key of 1 to 64")
            else:
                merged[key] = value
        if len(merged) > METADATA_PAIRS:
            self.wrong("metadata", f"must have at most {METADATA_PAIRS} pairs")
        return merged
