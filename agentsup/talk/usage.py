"""How much a stretch of work cost, in tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Usage:
    """Tokens, summed over model calls; adding two usages sums them."""

    input_tokens: int = 0
    """Tokens read, as the provider counts them (for Claude: without what came from a cache)."""

    output_tokens: int = 0
    """Tokens written."""

    cache_read_tokens: int = 0
    """Tokens read from a prompt cache."""

    cache_write_tokens: int = 0
    """Tokens written into a prompt cache."""

    raw: tuple[Mapping[str, Any], ...] = attrs.field(default=(), repr=False)
    """The provider's own usage objects, verbatim, in order."""

    @property
    def total(self) -> int:
        """All tokens: read (also from and into caches) and written."""
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.raw + other.raw,
        )
