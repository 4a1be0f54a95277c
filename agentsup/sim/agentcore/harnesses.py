"""The control plane's first noun: harnesses, created, watched, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import trio

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.refusal import Refused
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .arn import ACCOUNT, Arn, arn_of
from .endpoint import DEFAULT, Endpoint
from .gate import check_signature, region_of
from .harness import Harness, is_ready
from .lifecycle import READY, Life
from .operations import (
    CREATE_HARNESS,
    DELETE_HARNESS,
    GET_HARNESS,
    LIST_HARNESS_VERSIONS,
    LIST_HARNESSES,
    UPDATE_HARNESS,
    read_input,
)
from .refusal import conflict, denied, invalid, not_found
from .rules import HarnessRules
from .sense import check_sense
from .tokens import ClientTokens

_PAGE = 10
"""Rows of a page where the client does not say: few, so that who forgets to turn the page notices."""

_NO_DEFINITION = ("harnessName", "harnessId", "clientToken", "tags")
_WRAPPED = ("environmentArtifact", "authorizerConfiguration", "memory")
"""What an update wraps in `optionalValue`, so that an empty wrapper can clear it."""

_CHANGEABLE = (READY, "UPDATE_FAILED")
_DELETABLE = (READY, "CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")


class _Row(Protocol):
    @property
    def place(self) -> int: ...


Row = TypeVar("Row", bound=_Row)


class Harnesses:
    """Every harness, by region and id."""

    def __init__(self, world: World, rules: HarnessRules, forget: Callable[[Harness], None]) -> None:
        self._world = world
        self._rules = rules
        self._forget = forget
        """Ends the sessions of a harness that is being deleted."""
        self._rows: dict[tuple[str, str], Harness] = {}
        self._made = 0
        self._tokens = ClientTokens()

    def __len__(self) -> int:
        return sum(1 for _ in self.all())

    def routes(self) -> list[Route]:
        """The lines of the routing table."""
        table = {
            ("POST", "/harnesses"): self._create,
            ("GET", "/harnesses"): self._list,
            ("GET", "/harnesses/{harnessId}"): self._get,
            ("PATCH", "/harnesses/{harnessId}"): self._update,
            ("DELETE", "/harnesses/{harnessId}"): self._delete,
            ("GET", "/harnesses/{harnessId}/versions"): self._list_versions,
        }
        return [Route(method, path, handler, check_signature) for (method, path), handler in table.items()]

    def all(self) -> Iterator[Harness]:
        """Those there are, oldest first; one whose deletion is through is forgotten on the way."""
        for key, harness in list(self._rows.items()):
            if harness.gone:
                del self._rows[key]
            else:
                yield harness

    def get(self, region: str, harness_id: str) -> Harness:
        """A harness of that region.

        Raises:
            AwsRefused: 404.
        """
        harness = self._rows.get((region, harness_id))
        if harness is None or harness.gone:
            raise not_found("Harness", arn_of(region, "harness", harness_id))
        return harness

    def named(self, arn: str, region: str, action: str) -> Harness:
        """The harness a data-plane call names, if whoever signed for that region may touch it.

        Raises:
            AwsRefused: 400, no harness's ARN, or that of the runtime beneath one; 403, another region's or account's; 404.
        """
        found = Arn.read(arn)
        if found is None or found.endpoint is not None:
            raise invalid("agentRuntimeArn", "The ARN must be the ARN of a harness")
        if found.region != region or found.account != ACCOUNT:
            raise denied(action, arn)
        if found.kind == "harness":
            return self.get(region, found.id)
        if any(harness.runtime_id == found.id and harness.region == region for harness in self.all()):
            raise invalid("agentRuntimeArn", "The agent runtime is managed by a harness and cannot be invoked directly")
        raise not_found("Agent runtime", arn)

    def usable(self, arn: str, qualifier: str | None, region: str, action: str) -> tuple[Harness, Json]:
        """A harness that can be used, and its definition behind the endpoint that was named.

        Raises:
            AwsRefused: 400, it or the endpoint is not READY; 400, 403 and 404 as above.
        """
        harness = self.named(arn, region, action)
        if not is_ready(harness):
            raise invalid("harnessArn", f"The harness is not READY but {harness.status}")
        endpoint = harness.endpoint(qualifier or DEFAULT)
        if endpoint is None:
            raise not_found("Endpoint", f"{arn}/harness-endpoint/{qualifier}")
        version = None if endpoint.live is None else harness.version(endpoint.live)
        if not is_ready(endpoint) or version is None:
            raise invalid("qualifier", f"The endpoint is not READY but {endpoint.status}")
        return harness, version.definition

    def life(self, passing: str, tags: dict[str, str]) -> Life:
        """A stretch of life that begins now."""
        seconds = {
            "CREATING": self._rules.creating,
            "UPDATING": self._rules.updating,
            "DELETING": self._rules.deleting,
        }[passing]
        return Life.begin(passing, now=trio.current_time(), seconds=seconds, tags=tags)

    # Handlers

    async def _create(self, request: Request) -> Response:
        region = region_of(request)
        given = read_input(CREATE_HARNESS, request)
        return self._tokens.once(f"CreateHarness {region}", given, lambda asked: self._make(region, asked))

    def _make(self, region: str, given: Json) -> Response:
        check_sense(given)
        name = given["harnessName"]
        if any(harness.name == name and harness.region == region for harness in self.all()):
            raise conflict(f"A harness with the name '{name}' already exists")
        self._made += 1
        now, tags = self._world.calendar.stamp(), dict(given.get("tags", {}))
        harness = Harness(f"{name}-{self._world.mint.code()}", name, region, self._made, now, now, [], tags=tags)
        life = self.life("CREATING", tags)
        harness.begin(_definition(given), life, now)
        arn = f"{harness.arn}/harness-endpoint/{DEFAULT}"
        harness.endpoints[DEFAULT] = Endpoint(DEFAULT, 1, arn, 1, life, now, now)
        self._rows[region, harness.id] = harness
        return Response.json({"harness": harness.view()}, status=201)

    async def _get(self, request: Request) -> Response:
        given = read_input(GET_HARNESS, request)
        harness = self.get(region_of(request), given["harnessId"])
        version = None
        if "harnessVersion" in given:
            version = harness.version(int(given["harnessVersion"]))
            if version is None:
                raise not_found("Harness version", f"{harness.arn} version {given['harnessVersion']}")
        return Response.json({"harness": harness.view(version)})

    async def _update(self, request: Request) -> Response:
        region = region_of(request)
        given = read_input(UPDATE_HARNESS, request)
        return self._tokens.once(f"UpdateHarness {region}", given, lambda asked: self._change(region, asked))

    def _change(self, region: str, given: Json) -> Response:
        check_sense(given)
        harness = self.get(region, given["harnessId"])
        if harness.status not in _CHANGEABLE:
            raise conflict(f"The harness cannot be updated while it is {harness.status}")
        definition = {**harness.current.definition, **_definition(given)}
        for name in _WRAPPED:
            if name in given:
                definition[name] = given[name].get("optionalValue")
        kept = {name: value for name, value in definition.items() if value is not None}
        harness.begin(kept, self.life("UPDATING", harness.tags), self._world.calendar.stamp())
        return Response.json({"harness": harness.view()})

    async def _delete(self, request: Request) -> Response:
        region = region_of(request)
        given = read_input(DELETE_HARNESS, request)
        return self._tokens.once(f"DeleteHarness {region}", given, lambda asked: self._remove(region, asked))

    def _remove(self, region: str, given: Json) -> Response:
        harness = self.get(region, given["harnessId"])
        if harness.status not in _DELETABLE:
            raise conflict(f"The harness cannot be deleted while it is {harness.status}")
        harness.leaving = self.life("DELETING", harness.tags)
        harness.updated_at = self._world.calendar.stamp()
        self._forget(harness)
        return Response.json({"harness": harness.view()})

    async def _list(self, request: Request) -> Response:
        region = region_of(request)
        given = read_input(LIST_HARNESSES, request)
        rows = [harness for harness in self.all() if harness.region == region]
        shown, token = self.page(rows, given, f"harnesses {region}")
        return Response.json({"harnesses": [harness.summary() for harness in shown], **token})

    async def _list_versions(self, request: Request) -> Response:
        given = read_input(LIST_HARNESS_VERSIONS, request)
        harness = self.get(region_of(request), given["harnessId"])
        shown, token = self.page(harness.versions, given, f"versions {harness.arn}")
        return Response.json({"harnessVersions": [harness.version_summary(one) for one in shown], **token})

    def page(self, rows: Iterable[Row], given: Json, scope: str) -> tuple[list[Row], Json]:
        """One page of rows in ascending place, and the token of the next one where there is one.

        Raises:
            AwsRefused: 400, the token is not one of this list.
        """
        paging = Paging(scope, given.get("maxResults", _PAGE), "asc", given.get("nextToken"))
        try:
            page = cut_page(rows, lambda row: row.place, paging, self._world.cursors)
        except Refused as error:
            raise invalid("nextToken", "The nextToken is not one that this list has handed out") from error
        return page.rows, {} if page.next_page is None else {"nextToken": page.next_page}


def _definition(given: Json) -> Json:
    """What of an input defines a harness; what an update wraps is not among it."""
    wrapped = _WRAPPED if "harnessId" in given else ()
    return {name: value for name, value in given.items() if name not in (*_NO_DEFINITION, *wrapped)}
