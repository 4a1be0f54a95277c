"""What users say to a session, checked as a whole before anything is said."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from agentsup.errors import SpecError
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


def raw_event(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event in the provider's own words, as it was given.

    Raises:
        SpecError: it is no mapping with a `type`.
    """
    if not isinstance(event, Mapping):
        raise SpecError.of("event", f"must be a mapping in the provider's own words, not {type(event).__name__}")
    if not isinstance(event.get("type"), str):
        raise SpecError.of("event.type", "is missing: every event of a provider's has one")
    return dict(event)
