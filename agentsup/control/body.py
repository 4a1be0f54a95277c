"""What a user gives to be sent, as a request's body."""

from __future__ import annotations

import json
from typing import Any

from agentsup.errors import SpecError


def body_of(value: Any) -> bytes:
    """The value as JSON, all ASCII: half a surrogate pair can be said in JSON and not in UTF-8.

    Raises:
        SpecError: JSON cannot say it.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as exc:
        raise SpecError.of("", f"what is to be sent is not JSON: {exc}") from None
