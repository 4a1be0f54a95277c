"""A user's handler for the calls that no tool answers: a function, or an object with `handle_tool_call`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

PARAMETERS = ("name", "input", "context", "info")
"""What a handler is given; the last may be left out of its signature."""


def arity_of(handler: Callable[..., Any]) -> int | None:
    """How many of them it takes: four or three; None if it takes something else. What cannot be looked into is taken at its word."""
    try:
        signature = inspect.signature(handler)
    except ValueError:
        return len(PARAMETERS)
    for count in (len(PARAMETERS), len(PARAMETERS) - 1):
        try:
            signature.bind(*PARAMETERS[:count])
        except TypeError:
            continue
        return count
    return None
