"""The control plane's third noun: the tags of harnesses and endpoints."""

from __future__ import annotations

from agentsup.sim.exchange import Request, Response
from agentsup.sim.routing import Route

from .arn import ACCOUNT, Arn
from .environment import TAGS
from .gate import check_signature, region_of
from .harnesses import Harnesses
from .operations import LIST_TAGS_FOR_RESOURCE, TAG_RESOURCE, UNTAG_RESOURCE, read_input
from .refusal import AwsRefused, denied, not_found


class Tags:
    """Add, remove, list."""

    def __init__(self, harnesses: Harnesses) -> None:
        self._harnesses = harnesses

    def routes(self) -> list[Route]:
        """The lines of the routing table."""
        table = {"POST": self._add, "DELETE": self._remove, "GET": self._list}
        return [Route(method, "/tags/{resourceArn}", handler, check_signature) for method, handler in table.items()]

    def _of(self, request: Request, arn: str, action: str) -> dict[str, str]:
        found = Arn.read(arn)
        if found is None or found.kind != "harness":
            raise not_found("Resource", arn)
        if (found.region, found.account) != (region_of(request), ACCOUNT):
            raise denied(action, arn)
        harness = self._harnesses.get(found.region, found.id)
        if found.endpoint is None:
            return harness.tags
        endpoint = harness.endpoint(found.endpoint)
        if endpoint is None:
            raise not_found("Resource", arn)
        return endpoint.tags

    async def _add(self, request: Request) -> Response:
        given = read_input(TAG_RESOURCE, request)
        tags = self._of(request, given["resourceArn"], "TagResource")
        merged = {**tags, **given["tags"]}
        if TAGS.most is not None and len(merged) > TAGS.most:
            raise AwsRefused("ServiceQuotaExceededException", f"A resource has at most {TAGS.most} tags")
        tags.update(merged)
        return Response(204)

    async def _remove(self, request: Request) -> Response:
        given = read_input(UNTAG_RESOURCE, request)
        tags = self._of(request, given["resourceArn"], "UntagResource")
        for key in given["tagKeys"]:
            tags.pop(key, None)
        return Response(204)

    async def _list(self, request: Request) -> Response:
        given = read_input(LIST_TAGS_FOR_RESOURCE, request)
        return Response.json({"tags": self._of(request, given["resourceArn"], "ListTagsForResource")})
