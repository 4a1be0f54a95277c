"""What a provider said, as it said it: JSON as plain data, or as the text it came as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

Verbatim: TypeAlias = Mapping[str, Any] | str
"""A JSON object, or the text of one."""


def as_mapping(verbatim: Verbatim) -> Mapping[str, Any]:
    """The JSON object."""
    if isinstance(verbatim, str):
        parsed: Mapping[str, Any] = json.loads(verbatim)
        return parsed
    return verbatim
