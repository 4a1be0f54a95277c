"""What a request is to reach, where it is more than a message: the provider works until a grader is content."""

from __future__ import annotations

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.talk.content import hidden, sayable
from agentsup.talk.usage import Usage

RUBRIC_LIMIT = 262_144
"""Characters of a rubric at Claude Managed Agents, the one provider that knows outcomes."""

ITERATIONS_LIMIT = 20
"""Evaluations at the most, likewise."""


def _said(value: object) -> object:
    return sayable(value) if isinstance(value, str) else value  # anything else is refused below


@attrs.frozen
class FileRubric:
    """A rubric that lies in a file at the provider, uploaded before.

    Raises:
        SpecError: the id is no id.
    """

    file_id: str
    """The provider's id of the file."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.file_id, str) or not self.file_id.strip():
            raise SpecError.of("file_id", "must be the provider's id of a file")


@attrs.frozen
class Outcome:
    """Work until this is reached, as a grader judges by the rubric.

    Raises:
        SpecError: something in it cannot be used; every problem is listed.
    """

    description: str = attrs.field(repr=hidden, converter=_said)
    """What is to be reached."""

    rubric: str | FileRubric = attrs.field(repr=hidden, converter=_said)
    """By what the grader judges: the text itself, or the file it is in."""

    max_iterations: int | None = None
    """Evaluations after which the work ends, content or not; None leaves it to the provider (three, at Claude Managed Agents)."""

    def __attrs_post_init__(self) -> None:
        problems = []
        if not isinstance(self.description, str) or not self.description.strip():
            problems.append(Problem("description", "must be text, and not empty"))
        rubric = self.rubric
        if not isinstance(rubric, str | FileRubric) or (isinstance(rubric, str) and not rubric.strip()):
            problems.append(Problem("rubric", "must be text, and not empty, or a FileRubric"))
        elif isinstance(rubric, str) and len(rubric) > RUBRIC_LIMIT:
            problems.append(Problem("rubric", f"has {len(rubric)} characters; at most {RUBRIC_LIMIT} are taken"))
        most = self.max_iterations
        if most is not None and (type(most) is not int or not 1 <= most <= ITERATIONS_LIMIT):
            problems.append(Problem("max_iterations", f"must be None or 1 to {ITERATIONS_LIMIT}, not {most!r}"))
        if problems:
            raise SpecError(problems)


@attrs.frozen(kw_only=True)
class Evaluation:
    """What the grader said of the work on an outcome, once."""

    result: str
    """The provider's own word: `satisfied`, `needs_revision` (the agent works on), `max_iterations_reached`, `failed`, `interrupted`, or one
    that nobody knows yet."""

    iteration: int | None = None
    """Which evaluation of the outcome it was; starts at 0."""

    explanation: str | None = attrs.field(default=None, repr=hidden)
    """Why, in the grader's words."""

    outcome_id: str | None = None
    """The provider's id of the outcome."""

    usage: Usage = Usage()
    """What the grader itself used; not part of the request's usage, which is the agent's."""
