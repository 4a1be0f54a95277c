"""What the control plane tells of: harnesses, their versions and their endpoints."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs

from agentsup.wire.errors import RemoteProtocolError

T = TypeVar("T", bound="Thing")

READY: Final = "READY"
PENDING: Final = frozenset({"CREATING", "UPDATING"})
DELETING: Final = "DELETING"
FAILED: Final = frozenset({"CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"})


@attrs.frozen(kw_only=True)
class Thing:
    """Something the service keeps. What it leaves out has its neutral value; `raw` tells the difference."""

    harness_id: str
    harness_name: str
    arn: str
    status: str
    """`READY` can be used; `CREATING` and `UPDATING` will be; `DELETING` still holds its name; the `..._FAILED` ones will not be."""

    created_at: float
    """Seconds since 1970 (UTC), by the service's clock."""

    updated_at: float
    """The same."""

    failure_reason: str | None = None
    """With a `..._FAILED` status: why, in the service's words."""

    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The JSON object it was read from, with everything else the service said."""


@attrs.frozen(kw_only=True)
class Harness(Thing):
    """A harness, or what a list says of one: then only the fields of every thing, and the version, are there."""

    version: str | None = None
    """The newest version's number, as text."""

    execution_role_arn: str | None = None
    """Whose permissions it works with."""


@attrs.frozen(kw_only=True)
class HarnessVersion(Thing):
    """A version of a harness: every change makes one."""

    version: str


@attrs.frozen(kw_only=True)
class HarnessEndpoint(Thing):
    """A name under which a version of a harness is invoked."""

    name: str
    live_version: str | None = None
    """The version that answers now."""

    target_version: str | None = None
    """The version that will."""

    description: str | None = None


_FIELDS: Final[Mapping[type[Any], Mapping[str, str]]] = {
    Harness: {"version": "harnessVersion", "execution_role_arn": "executionRoleArn"},
    HarnessVersion: {"version": "harnessVersion"},
    HarnessEndpoint: {
        "name": "endpointName",
        "live_version": "liveVersion",
        "target_version": "targetVersion",
        "description": "description",
    },
}
_COMMON: Final[Mapping[str, str]] = {
    "harness_id": "harnessId",
    "harness_name": "harnessName",
    "arn": "arn",
    "status": "status",
    "failure_reason": "failureReason",
}


def read(cls: type[T], data: object) -> T:
    """The JSON object as a value of the class.

    Raises:
        RemoteProtocolError: it is no such thing; every wrong field is named, no value is quoted.
    """
    if not isinstance(data, dict):
        raise RemoteProtocolError(f"this is no {cls.__name__} but a JSON {type(data).__name__}")
    required = {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING}
    found: dict[str, Any] = {"raw": data}
    wrong = []
    for name, theirs in {**_COMMON, **_FIELDS[cls]}.items():
        value = data.get(theirs)
        if isinstance(value, str):
            found[name] = value
        elif value is not None or name in required:
            wrong.append(f"{theirs} {'is missing' if value is None else 'is no text'}")
    for name, theirs in (("created_at", "createdAt"), ("updated_at", "updatedAt")):
        when = _seconds(data.get(theirs))
        if when is None:
            wrong.append(f"{theirs} is no time")
        else:
            found[name] = when
    if wrong:
        raise RemoteProtocolError(f"this is no {cls.__name__}: {', '.join(wrong)}")
    return cls(**found)


def _seconds(value: object) -> float | None:
    """A time as the service writes it: ISO 8601, or seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.datetime.fromisoformat(str(value)).timestamp() if isinstance(value, str) else None
    except ValueError:
        return None
