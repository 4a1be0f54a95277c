"""Endpoints: names under which versions of a harness are invoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentsup.agentcore.asking import checked, deleting, listing, new_token, reading, said, thing, writing
from agentsup.agentcore.harnesses import ID_WORDS
from agentsup.agentcore.line import Line
from agentsup.agentcore.values import HarnessEndpoint
from agentsup.control.errors import NotFound
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe
from agentsup.wire.agentcore.names import ENDPOINT_NAME, HARNESS_ID

_NAME_WORDS: Final = "up to 48 letters, digits and '_', the first a letter"


class Endpoints:
    """The endpoints of harnesses. A session asks one by `BedrockAgentCore(qualifier=)`; without, it asks `DEFAULT`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def __repr__(self) -> str:
        return f"<Endpoints of {self._line!r}>"

    async def create(
        self,
        harness_id: str,
        name: str,
        *,
        target_version: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        client_token: str | None = None,
    ) -> HarnessEndpoint:
        """Ask for an endpoint; `CREATING` at first. Its harness being `READY` says nothing of it.

        Raises:
            SpecError: an id or name is none.
            Conflict: there is one of that name.
            ApiError: it cannot be made.
        """
        self._check(harness_id, name, client_token)
        body: dict[str, Any] = {"endpointName": name, "clientToken": client_token or new_token()}
        body |= said(targetVersion=target_version, description=description, tags=tags)
        ask = writing("creating the endpoint", "POST", "harnesses", harness_id, "endpoints", body=body)
        return thing(HarnessEndpoint, await self._line.json(ask), "endpoint", ask)

    async def get(self, harness_id: str, name: str) -> HarnessEndpoint:
        """An endpoint as it is.

        Raises:
            NotFound: there is none.
            ApiError: it cannot be had.
        """
        self._check(harness_id, name)
        ask = reading("looking at the endpoint", "harnesses", harness_id, "endpoints", name)
        return thing(HarnessEndpoint, await self._line.json(ask), "endpoint", ask)

    async def update(
        self,
        harness_id: str,
        name: str,
        *,
        target_version: Maybe[str] = OMIT,
        description: Maybe[str] = OMIT,
        client_token: str | None = None,
    ) -> HarnessEndpoint:
        """Have another version answer there. What is not said stays.

        Raises:
            NotFound: there is no such endpoint.
            ApiError: it cannot be changed.
        """
        self._check(harness_id, name, client_token)
        body: dict[str, Any] = {"clientToken": client_token or new_token()}
        body |= said(targetVersion=target_version, description=description)
        ask = writing("changing the endpoint", "PATCH", "harnesses", harness_id, "endpoints", name, body=body)
        return thing(HarnessEndpoint, await self._line.json(ask), "endpoint", ask)

    async def delete(self, harness_id: str, name: str, *, client_token: str | None = None) -> HarnessEndpoint | None:
        """Have an endpoint gone.

        Returns:
            The endpoint on its way out; None where the service does not show it, or it was gone by the time we asked again.

        Raises:
            NotFound: there is none.
            ApiError: it cannot be deleted.
        """
        self._check(harness_id, name, client_token)
        token = client_token or new_token()
        ask = deleting("deleting the endpoint", "harnesses", harness_id, "endpoints", name, clientToken=token)
        repeated: list[bool] = []
        try:
            answer = await self._line.json(ask, repeating=lambda: repeated.append(True))
        except NotFound:
            if not repeated:
                raise
            return None
        return thing(HarnessEndpoint, answer, "endpoint", ask) if answer.get("endpoint") else None

    def list(self, harness_id: str, *, limit: int | None = None, page: str | None = None) -> Listing[HarnessEndpoint]:
        """A harness's endpoints.

        Raises:
            SpecError: the id is none.
        """
        checked(harness_id=(harness_id, HARNESS_ID, ID_WORDS))
        what = "listing the harness's endpoints"
        ask = reading(what, "harnesses", harness_id, "endpoints", maxResults=limit, nextToken=page)
        return listing(self._line, HarnessEndpoint, ask, "endpoints")

    def _check(self, harness_id: str, name: str, token: str | None = None) -> None:
        checked(token=token, harness_id=(harness_id, HARNESS_ID, ID_WORDS), name=(name, ENDPOINT_NAME, _NAME_WORDS))
