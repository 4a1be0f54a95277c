"""What the Files API says of a file."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from agentsup.talk.artifact import Artifact


def file_of(row: object) -> Artifact | None:
    """The file that a row of a list tells of; None for what cannot be asked for, having no id or no name."""
    if not isinstance(row, Mapping):
        return None
    name, file_id, size, stamp = (row.get(key) for key in ("filename", "id", "size_bytes", "created_at"))
    if not isinstance(name, str) or not isinstance(file_id, str):
        return None
    return Artifact(
        name=name,
        size=size if type(size) is int else 0,
        ref=file_id,
        created_at=epoch(stamp),
        retrievable=row.get("downloadable") is not False,
        raw=row,
    )


def epoch(stamp: object) -> float:
    """Seconds since the epoch; what is no time counts as the oldest."""
    try:
        return datetime.datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) else 0.0
    except (ValueError, OverflowError, OSError):
        return 0.0
