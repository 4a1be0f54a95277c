"""Client tokens: the same request twice is one request, and its second answer is the first one again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import attrs

from agentsup.sim.exchange import Json, Response, encode_json

from .refusal import PARAMETERS_DIFFER, AwsRefused

MOST_TOKENS = 20_000
"""More than any test makes; the oldest are forgotten first, as the service forgets them after a while."""


@attrs.frozen
class _Kept:
    parameters: bytes = attrs.field(repr=False)
    answer: Response


class ClientTokens:
    """What was answered to whom; a request that was refused is not kept and may be tried again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def once(self, scope: str, given: Json, act: Callable[[Json], Response]) -> Response:
        """The answer of `act` to what was given without its token; the kept one where the token was here before.

        Args:
            scope: operation and region; tokens of different scopes do not know each other.
            given: the input; `clientToken` in it may be missing, and then nothing is kept.
            act: does the work.

        Raises:
            AwsRefused: 400, the token was here with other parameters; or what `act` refuses.
        """
        parameters = {name: value for name, value in given.items() if name != "clientToken"}
        token = given.get("clientToken")
        if token is None:
            return act(parameters)
        written = encode_json(sorted(parameters.items()))
        kept = self._kept.get((scope, token))
        if kept is None:
            kept = self._kept[scope, token] = _Kept(written, act(parameters))
            if len(self._kept) > MOST_TOKENS:
                self._kept.popitem(last=False)
        elif kept.parameters != written:
            raise AwsRefused(
                "ValidationException",
                "The client token was used before with other parameters",
                reason=PARAMETERS_DIFFER,
            )
        return kept.answer
