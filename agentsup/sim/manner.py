"""How an API words what it says about a request itself: its refusals, and the header that names the request."""

from __future__ import annotations

from typing import Protocol

from .exchange import Response
from .refusal import Refused


class Manner(Protocol):
    """One API's way with words."""

    @property
    def request_id_header(self) -> str:
        """The response header that carries the request's id, in lower case."""

    def refuse(self, refusal: Refused, request_id: str) -> Response:
        """The whole answer to a request that is refused, with its id."""


class ClaudeManner:
    """The Claude API's: an envelope of type `error`, and `request-id`."""

    request_id_header = "request-id"

    def refuse(self, refusal: Refused, request_id: str) -> Response:
        """The envelope."""
        headers = ((self.request_id_header, request_id), *refusal.headers)
        return Response.json(refusal.envelope(request_id), status=refusal.status, headers=headers)
