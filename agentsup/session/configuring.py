"""What a user wants otherwise from now on, checked as a whole before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentsup.errors import Problem, SpecError
from agentsup.loop import messages as msg
from agentsup.session.spec import SessionSpec, unpriced
from agentsup.talk.limits import Limits

LIMITS = "limits"
"""The one option that every session has."""


def change_of(spec: SessionSpec, key: str, given: Mapping[str, Any]) -> msg.Configure:
    """The change that these options ask for.

    Raises:
        SpecError: an option is unknown or cannot be used; all of them are named.
    """
    provider = spec.provider
    can_be = f"what can be: {', '.join((LIMITS, *provider.configurable))}"
    if not given:
        raise SpecError.of("", f"names nothing to configure; {can_be}")
    limits = given.get(LIMITS)
    problems = list(_limits_problems(spec, limits)) if LIMITS in given else []
    known = {name: value for name, value in given.items() if name in provider.configurable}
    problems += (
        Problem(name, f"cannot be configured at {provider.kind}; {can_be}")
        for name in given
        if name != LIMITS and name not in known
    )
    options: Mapping[str, Any] = {}
    try:
        options = provider.options(known) if known else {}
    except SpecError as exc:
        problems += exc.problems
    if problems:
        raise SpecError(problems)
    return msg.Configure(key, limits, options, sent=bool(options) and provider.keeps_options)


def _limits_problems(spec: SessionSpec, limits: Any) -> list[Problem]:
    if not isinstance(limits, Limits):
        return [Problem(LIMITS, f"must be Limits, not {type(limits).__name__}")]
    faults = [Problem(f"{LIMITS}.{field}", message) for field, message in limits.faults()]
    return [*faults, *unpriced(limits, spec.price)]
