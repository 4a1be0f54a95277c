"""When a deployment is to start: a cron expression and a time zone, checked. Pure.

The simulator fires no schedule, so none of them has a run before it or ahead of it. Rules: API reference, "Deployments", the schedule.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

from agentsup.sim.exchange import Json
from agentsup.sim.fields import Form

_FIELDS = {"minute": (0, 59), "hour": (0, 23), "day-of-month": (1, 31), "month": (1, 12), "day-of-week": (0, 7)}
_ITEM = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", re.ASCII)


def read_schedule(form: Form) -> Json | None:
    """The schedule, None where it is missing or null."""
    schedule = form.child("schedule")
    if schedule is None:
        return None
    schedule.choice("type", ("cron",), required=True)
    expression = schedule.text("expression", required=True)
    if expression is not None:
        _check_cron(schedule, expression)
    zone = schedule.text("timezone", required=True, least=1)
    if zone and _zones() and zone not in _zones():
        schedule.wrong("timezone", f"{zone} is no time zone of the IANA database")
    return {"type": "cron", "expression": expression, "timezone": zone, "last_run_at": None, "upcoming_runs_at": []}


def _check_cron(schedule: Form, expression: str) -> None:
    words = expression.split()
    if len(words) != len(_FIELDS):
        schedule.wrong("expression", f"must have 5 fields: {' '.join(_FIELDS)}")
        return
    for word, (name, bounds) in zip(words, _FIELDS.items(), strict=True):
        if not all(_is_item(item, *bounds) for item in word.split(",")):
            schedule.wrong(
                "expression", f"{word} is no {name}: numbers from {bounds[0]} to {bounds[1]}, with * - , and /"
            )


def _is_item(item: str, least: int, most: int) -> bool:
    """Whether this is one part of a field: `*`, `7`, `1-5`, each with a step or without."""
    found = _ITEM.fullmatch(item)
    if found is None:
        return False
    first, last, step = (None if number is None else int(number) for number in found.groups())
    low = least if first is None else first
    high = most if first is None else low if last is None else last
    return least <= low <= high <= most and step != 0


@cache
def _zones() -> frozenset[str]:
    """The time zones this machine knows; none where it has no database."""
    return frozenset(zoneinfo.available_timezones())
