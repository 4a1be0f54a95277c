"""What users say to a session, checked as a whole before anything is said."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from agentsup.errors import Problem, SpecError
from agentsup.ids import RequestId
from agentsup.loop import messages as msg
from agentsup.talk.content import Input, as_request
from agentsup.talk.outcome import Outcome


def request_of(content: Input | Outcome, *, next: bool = False) -> msg.Submit:
    """A new request, with an id of its own.

    Raises:
        SpecError: the content cannot be sent.
    """
    request_id = RequestId(uuid.uuid4().hex)
    if isinstance(content, Outcome):
        return msg.Submit(request_id, (), content, next)
    return msg.Submit(request_id, as_request(content), None, next)


def word_of(content: Input) -> msg.Steer:
    """A word to the running request, with an id of its own.

    Raises:
        SpecError: the content cannot be sent.
    """
    return msg.Steer(RequestId(uuid.uuid4().hex), as_request(content))


def check_word(
    call_id: object, *, allow: object = True, message: object = None, result: object = None, is_error: object = False
) -> None:
    """Refuse a person's word on a call that is none.

    Raises:
        SpecError: with every problem.
    """
    problems = []
    if not isinstance(call_id, str):
        problems.append(Problem("call_id", f"must be text, not {type(call_id).__name__}"))
    for name, flag in (("allow", allow), ("is_error", is_error)):
        if type(flag) is not bool:
            problems.append(Problem(name, f"must be True or False, not {flag!r}"))
    for name, text in (("message", message), ("result", result)):
        if not isinstance(text, str | None):
            problems.append(Problem(name, f"must be text or None, not {type(text).__name__}"))
    if problems:
        raise SpecError(problems)


def raw_event(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event in the provider's own words, as it was given.

    Raises:
        SpecError: it is no mapping with a `type`, or JSON cannot say it.
    """
    if not isinstance(event, Mapping):
        raise SpecError.of("event", f"must be a mapping in the provider's own words, not {type(event).__name__}")
    if not isinstance(event.get("type"), str):
        raise SpecError.of("event.type", "is missing: every event of a provider's has one")
    try:
        # Through JSON, so that it is a copy as well: what was said stays as it is.
        said: Mapping[str, Any] = json.loads(json.dumps(dict(event), allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        # Not quoted: the error may show what is in there.
        what = "must hold only what JSON can say: text, finite numbers, true, false, null, lists and mappings of them"
        raise SpecError.of("event", what) from None
    return said
