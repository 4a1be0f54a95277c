"""What a session has used: tokens, seconds at work, and a made-up but steady price."""

from __future__ import annotations

import attrs
import trio

from agentsup.sim.exchange import Json

CENTS_PER_MILLION_INPUT = 300
CENTS_PER_MILLION_OUTPUT = 1500
"""One price for every model, so that a test can compute a budget in its head; the service has a price list per model."""


@attrs.frozen
class Tokens:
    """The counts of one model call, or of many."""

    input: int = 0
    output: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.input + other.input, self.output + other.output)

    @property
    def cents(self) -> int:
        """The list cost in whole cents, rounded up."""
        micro = self.input * CENTS_PER_MILLION_INPUT + self.output * CENTS_PER_MILLION_OUTPUT
        return -(-micro // 1_000_000)

    def model_usage(self) -> Json:
        """As `span.model_request_end` carries it."""
        return {
            "input_tokens": self.input,
            "output_tokens": self.output,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        }

    def snapshot(self, *, active_s: float, server_tools: dict[str, int]) -> Json:
        """As a session and `session.usage` carry it; `active_s` in seconds."""
        return {
            "input_tokens": self.input,
            "output_tokens": self.output,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "list_cost": {"amount": str(self.cents), "currency": "USD"},
            "active_seconds": round(active_s, 3),
            "server_tool_use": {
                "web_search_requests": server_tools.get("web_search", 0),
                "web_fetch_requests": server_tools.get("web_fetch", 0),
            },
        }


class Stopwatch:
    """How long something was at work, on trio's clock."""

    def __init__(self) -> None:
        self._before_s = 0.0
        self._since: float | None = None

    def __repr__(self) -> str:
        return f"<Stopwatch {self.seconds:.3f} running={self._since is not None}>"

    @property
    def seconds(self) -> float:
        """The time so far, in seconds."""
        return self._before_s + (0.0 if self._since is None else trio.current_time() - self._since)

    def turn(self, *, on: bool) -> None:
        """Runs from now on, or rests."""
        self._before_s = self.seconds
        self._since = trio.current_time() if on else None
