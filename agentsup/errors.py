"""The errors that more than one layer raises: the root, and the ones about what was asked for.

A situation of one layer only has its class in that layer (`agentsup.otp.errors`, `agentsup.wire.errors`, `agentsup.session.errors`);
docs/reference/errors.md shows the whole tree on one page. No error carries a secret or the content of a conversation in its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable


class AgentsupError(Exception):
    """Every error this package raises on purpose; anything else that escapes is a bug in it."""


@attrs.frozen
class Problem:
    """One thing wrong with an input: where, and what would be right."""

    path: str
    """Where, as the caller wrote it: `limits.timeout`, `children[2].id`."""

    message: str
    """What is wrong and what would be right, in one sentence without a full stop."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SpecError(AgentsupError, ValueError):
    """What you passed cannot be used; every problem of it is listed, and nothing was started.

    Yours to fix: each of `problems` names the field, what is wrong with it and what would be right.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    @classmethod
    def of(cls, path: str, message: str) -> SpecError:
        """The error for a single problem."""
        return cls([Problem(path, message)])


class NotFound(AgentsupError, LookupError):
    """Nothing answers to that name or id (any more)."""


class AlreadyStarted(AgentsupError):
    """Whoever you wanted to start is alive already: `ref` is its address."""

    def __init__(self, message: str, *, ref: Any) -> None:
        self.ref = ref
        super().__init__(message)
