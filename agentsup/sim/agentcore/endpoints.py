"""The control plane's second noun: the endpoints of a harness."""

from __future__ import annotations

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .endpoint import DEFAULT, Endpoint
from .gate import check_signature, region_of
from .harness import Harness, is_ready
from .harnesses import Harnesses
from .lifecycle import READY
from .operations import (
    CREATE_HARNESS_ENDPOINT,
    DELETE_HARNESS_ENDPOINT,
    GET_HARNESS_ENDPOINT,
    LIST_HARNESS_ENDPOINTS,
    UPDATE_HARNESS_ENDPOINT,
    read_input,
)
from .refusal import conflict, not_found
from .tokens import ClientTokens

_CHANGEABLE = (READY, "UPDATE_FAILED")
_DELETABLE = (READY, "CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")


class Endpoints:
    """Create, get, update, delete and list."""

    def __init__(self, world: World, harnesses: Harnesses) -> None:
        self._world = world
        self._harnesses = harnesses
        self._made = 1
        self._tokens = ClientTokens()

    def routes(self) -> list[Route]:
        """The lines of the routing table."""
        one = "/harnesses/{harnessId}/endpoints/{endpointName}"
        table = {
            ("POST", "/harnesses/{harnessId}/endpoints"): self._create,
            ("GET", "/harnesses/{harnessId}/endpoints"): self._list,
            ("GET", one): self._get,
            ("PATCH", one): self._update,
            ("DELETE", one): self._delete,
        }
        return [Route(method, path, handler, check_signature) for (method, path), handler in table.items()]

    def _find(self, region: str, given: Json) -> tuple[Harness, Endpoint]:
        harness = self._harnesses.get(region, given["harnessId"])
        endpoint = harness.endpoint(given["endpointName"])
        if endpoint is None:
            raise not_found("Endpoint", f"{harness.arn}/harness-endpoint/{given['endpointName']}")
        return harness, endpoint

    async def _create(self, request: Request) -> Response:
        region = region_of(request)
        given = read_input(CREATE_HARNESS_ENDPOINT, request)
        return self._tokens.once(f"CreateHarnessEndpoint {region}", given, lambda asked: self._make(region, asked))

    def _make(self, region: str, given: Json) -> Response:
        harness = self._harnesses.get(region, given["harnessId"])
        name = given["endpointName"]
        if not is_ready(harness):
            raise conflict(f"An endpoint cannot be created while the harness is {harness.status}")
        if harness.endpoint(name) is not None:
            raise conflict(f"An endpoint with the name '{name}' already exists")
        target = _target(harness, given) or harness.current.number
        self._made += 1
        now, tags = self._world.calendar.stamp(), dict(given.get("tags", {}))
        endpoint = Endpoint(
            name,
            self._made,
            f"{harness.arn}/harness-endpoint/{name}",
            target,
            self._harnesses.life("CREATING", tags),
            now,
            now,
            given.get("description"),
            tags,
        )
        harness.endpoints[name] = endpoint
        return _shown(harness, endpoint, status=201)

    async def _get(self, request: Request) -> Response:
        return _shown(*self._find(region_of(request), read_input(GET_HARNESS_ENDPOINT, request)))

    async def _update(self, request: Request) -> Response:
        region = region_of(request)
        given = read_input(UPDATE_HARNESS_ENDPOINT, request)
        return self._tokens.once(f"UpdateHarnessEndpoint {region}", given, lambda asked: self._change(region, asked))

    def _change(self, region: str, given: Json) -> Response:
        harness, endpoint = self._find(region, given)
        if endpoint.status not in _CHANGEABLE:
            raise conflict(f"The endpoint cannot be updated while it is {endpoint.status}")
        target = _target(harness, given) or endpoint.target
        if endpoint.name == DEFAULT and target != harness.current.number:
            raise conflict("The DEFAULT endpoint follows the newest version")
        endpoint.description = given.get("description", endpoint.description)
        endpoint.move(target, self._harnesses.life("UPDATING", endpoint.tags), self._world.calendar.stamp())
        return _shown(harness, endpoint)

    async def _delete(self, request: Request) -> Response:
        region = region_of(request)
        given = read_input(DELETE_HARNESS_ENDPOINT, request)
        return self._tokens.once(f"DeleteHarnessEndpoint {region}", given, lambda asked: self._remove(region, asked))

    def _remove(self, region: str, given: Json) -> Response:
        harness, endpoint = self._find(region, given)
        if endpoint.name == DEFAULT:
            raise conflict("The DEFAULT endpoint lives as long as its harness")
        if endpoint.status not in _DELETABLE:
            raise conflict(f"The endpoint cannot be deleted while it is {endpoint.status}")
        endpoint.remove(self._harnesses.life("DELETING", endpoint.tags), self._world.calendar.stamp())
        return _shown(harness, endpoint)

    async def _list(self, request: Request) -> Response:
        given = read_input(LIST_HARNESS_ENDPOINTS, request)
        harness = self._harnesses.get(region_of(request), given["harnessId"])
        shown, token = self._harnesses.page(harness.standing(), given, f"endpoints {harness.arn}")
        return Response.json({"endpoints": [endpoint.view(harness.id, harness.name) for endpoint in shown], **token})


def _target(harness: Harness, given: Json) -> int | None:
    """The version that was asked for, None where none was."""
    if "targetVersion" not in given:
        return None
    number = int(given["targetVersion"])
    if harness.version(number) is None:
        raise not_found("Harness version", f"{harness.arn} version {number}")
    return number


def _shown(harness: Harness, endpoint: Endpoint, *, status: int = 200) -> Response:
    return Response.json({"endpoint": endpoint.view(harness.id, harness.name)}, status=status)
