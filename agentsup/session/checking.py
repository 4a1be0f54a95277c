"""What a runtime is given, checked as a whole before anything is started: every problem at once, with its path."""

from __future__ import annotations

from typing import get_args

from agentsup.errors import Problem, SpecError
from agentsup.session.recovery import Recover
from agentsup.session.spec import SessionSpec
from agentsup.talk.content import sayable
from agentsup.talk.limits import is_positive

MAX_ID = 512
"""Characters of a session id: it travels as metadata at the provider, where 512 is the limit."""


def check_start(session_id: object, spec: object, *, fresh: object = False) -> None:
    """Refuse an id or a spec that cannot be used.

    Raises:
        SpecError: with every problem.
    """
    problems = _id_problems(session_id, "session_id")
    if type(fresh) is not bool:
        problems.append(Problem("fresh", f"must be True or False, not {type(fresh).__name__}"))
    if not isinstance(spec, SessionSpec):
        problems.append(Problem("spec", f"must be a SessionSpec, not {type(spec).__name__}"))
    else:
        problems += [Problem(f"provider.{p.path}", p.message) for p in spec.provider.problems()]
    if problems:
        raise SpecError(problems)


def check_lookup(session_id: object, generation: object = None) -> None:
    """Refuse an id that no session can have, or a generation that is none.

    Raises:
        SpecError: with every problem.
    """
    problems = _unfit(session_id, "session_id")
    if generation is not None and not (type(generation) is int and generation >= 1):
        problems.append(Problem("generation", f"must be None or an integer of at least 1, not {generation!r}"))
    if problems:
        raise SpecError(problems)


def check_fork(session_id: object, new_id: object, upto: object) -> None:
    """Refuse ids or a cursor that cannot be used, whatever the session.

    Raises:
        SpecError: with every problem.
    """
    problems = [*_unfit(session_id, "session_id"), *_id_problems(new_id, "new_id")]
    if upto is not None and not (type(upto) is int and upto >= 0):
        problems.append(Problem("upto", f"must be None or a cursor of at least 0, not {upto!r}"))
    if problems:
        raise SpecError(problems)


def _id_problems(session_id: object, where: str) -> list[Problem]:
    if not (isinstance(session_id, str) and session_id.strip() and len(session_id) <= MAX_ID):
        given = "" if isinstance(session_id, str) else f", not {type(session_id).__name__}"
        return [Problem(where, f"must be text of 1 to {MAX_ID} characters{given}")]
    return _unfit(session_id, where)


def _unfit(session_id: object, where: str) -> list[Problem]:
    """What is wrong with an id that some session is to have already."""
    if not isinstance(session_id, str):
        return [Problem(where, f"must be a session's id, which is text, not {type(session_id).__name__}")]
    if sayable(session_id) != session_id:  # half a surrogate pair: no file and no request can hold it
        return [Problem(where, "must be text that UTF-8 can carry")]
    return []


def check_options(
    spec_for: object, recover: object, passivate_after: object, max_resident: object, keep_requests: object
) -> None:
    """Refuse options of a runtime that cannot be used.

    Raises:
        SpecError: with every problem.
    """
    problems = []
    if spec_for is not None and not callable(spec_for):
        problems.append(Problem("spec_for", f"must be a function or None, not {type(spec_for).__name__}"))
    if recover not in get_args(Recover):
        problems.append(Problem("recover", f"must be 'eager', 'lazy' or 'none', not {recover!r}"))
    if passivate_after is not None and not is_positive(passivate_after):
        problems.append(
            Problem("passivate_after", f"must be None or a positive number of seconds, not {passivate_after!r}")
        )
    for name, count in (("max_resident", max_resident), ("keep_requests", keep_requests)):
        if count is not None and (type(count) is not int or count < 1):
            problems.append(Problem(name, f"must be None or an integer of at least 1, not {count!r}"))
    if problems:
        raise SpecError(problems)
