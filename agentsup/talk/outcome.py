"""What a request is to reach, where it is more than a message: the provider works until a grader is content."""

from __future__ import annotations

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.talk.content import hidden, sayable

RUBRIC_LIMIT = 262_144
"""Characters of a rubric at Claude Managed Agents, the one provider that knows outcomes."""

ITERATIONS_LIMIT = 20
"""Evaluations at the most, likewise."""


def _said(value: object) -> object:
    return sayable(value) if isinstance(value, str) else value  # anything else is refused below


@attrs.frozen
class Outcome:
    """Work until this is reached, as a grader judges by the rubric.

    Raises:
        SpecError: something in it cannot be used; every problem is listed.
    """

    description: str = attrs.field(repr=hidden, converter=_said)
    """What is to be reached."""

    rubric: str = attrs.field(repr=hidden, converter=_said)
    """By what the grader judges."""

    max_iterations: int | None = None
    """Evaluations after which the work ends, content or not; None leaves it to the provider (three, at Claude Managed Agents)."""

    def __attrs_post_init__(self) -> None:
        problems = []
        for name, limit in (("description", None), ("rubric", RUBRIC_LIMIT)):
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip():
                problems.append(Problem(name, "must be text, and not empty"))
            elif limit is not None and len(text) > limit:
                problems.append(Problem(name, f"has {len(text)} characters; at most {limit} are taken"))
        most = self.max_iterations
        if most is not None and (type(most) is not int or not 1 <= most <= ITERATIONS_LIMIT):
            problems.append(Problem("max_iterations", f"must be None or 1 to {ITERATIONS_LIMIT}, not {most!r}"))
        if problems:
            raise SpecError(problems)
