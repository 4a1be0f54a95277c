"""What an HTTP answer that is no success says: the error's code, and what the service said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Told:
    """A refusal, as data."""

    code: str | None
    """The error's name: `ValidationException`."""

    message: str
    reason: str | None = None
    """With a `ValidationException`: what kind of one it is."""

    fields: tuple[tuple[str, str], ...] = ()
    """With a `ValidationException`: each field that is wrong, and how."""

    request_id: str | None = None


def read_error(headers: Mapping[str, str], body: bytes) -> Told:
    """The refusal in an answer, in whichever of its places the service put the code.

    The header `x-amzn-errortype` may have more behind a colon; a `__type` in the body may have a namespace before a `#`.
    """
    value = _object(body)
    code = headers.get("x-amzn-errortype") or value.get("__type") or value.get("code") or ""
    code = str(code).split(":", 1)[0].rsplit("#", 1)[-1].strip() or None
    said = value.get("message", value.get("Message"))
    reason = value.get("reason")
    listed = value.get("fieldList")
    fields = [
        (str(item.get("name", "")), str(item.get("message", "")))
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
    ]
    return Told(
        code=code,
        message=said if isinstance(said, str) else "",
        reason=reason if isinstance(reason, str) else None,
        fields=tuple(fields),
        request_id=headers.get("x-amzn-requestid"),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
