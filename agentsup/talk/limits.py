"""What a request may use up, as the user says it."""

from __future__ import annotations

import math

import attrs


@attrs.frozen(kw_only=True)
class Limits:
    """What one request may use up."""

    max_turns: int = 50
    """Turns after which the request ends with `TurnLimitReached`; a turn that ends the request by itself is never thrown away."""

    max_tool_rounds: int | None = None
    """Batches of tool calls that are answered; one more ends the request with `TurnLimitReached`."""

    max_session_turns: int | None = None
    """Turns of the whole session after which a request ends, and no further one begins, with `TurnLimitReached`."""

    timeout: float | None = 600.0
    """Seconds from the request's start after which it ends with `RequestTimeout`; None waits for ever. While the request waits for a
    person's approval its time stands still."""

    max_tokens: int | None = None
    """Tokens, read and written, after which the request ends with `BudgetExceeded`; looked at after every turn."""

    max_cost: float | None = None
    """What the request may cost, in the money of the spec's `price`; beyond it ends with `BudgetExceeded`. Looked at after every turn."""

    def faults(self) -> list[tuple[str, str]]:
        """Field and what would be right, for each field that cannot be used."""
        found = []
        for name in ("max_turns", "max_tool_rounds", "max_session_turns", "max_tokens"):
            value = getattr(self, name)
            least = 0 if name == "max_tool_rounds" else 1
            if (value is None and name == "max_turns") or (
                value is not None and (type(value) is not int or value < least)
            ):
                or_none = "" if name == "max_turns" else "None or "
                found.append((name, f"must be {or_none}an integer of at least {least}, not {value!r}"))
        if self.max_cost is not None and not is_positive(self.max_cost):
            found.append(("max_cost", f"must be None or a positive amount, not {self.max_cost!r}"))
        if self.timeout is not None and not is_positive(self.timeout):
            found.append(("timeout", f"must be None or a positive number of seconds, not {self.timeout!r}"))
        return found


def is_positive(value: object) -> bool:
    """Whether the value is a finite number above zero."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
