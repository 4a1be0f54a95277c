"""A provider's answer to a small request: whole, within bounds of time and size, and the JSON object it has to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import trio

from agentsup.providers.base import Unavailable
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.jsontext import loads

LARGEST_ANSWER: Final = 1024 * 1024 * 1024
"""Bytes of an answer, unpacked: a page of a thousand events of a megabyte, which are ordinary. Beyond it something else is talking."""


@contextmanager
def in_time(seconds: float, what: str) -> Iterator[None]:
    """Within: something that has so many seconds as a whole. A peer that drips a byte now and then is never silent.

    Raises:
        Unavailable: it took longer.
    """
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise Unavailable(f"{what}: no whole answer in {seconds:g} s")


def object_in(data: bytes | None) -> Mapping[str, Any]:
    """The JSON object that an answer is; None stands for one of more than `LARGEST_ANSWER` bytes.

    Raises:
        RemoteProtocolError: it is none.
    """
    if data is None:
        raise RemoteProtocolError(f"the answer has more than {LARGEST_ANSWER} bytes")
    try:
        answer = loads(data)
    except (ValueError, RecursionError):
        raise RemoteProtocolError("the answer is not JSON") from None
    if not isinstance(answer, Mapping):
        raise RemoteProtocolError("the answer is not a JSON object")
    return answer
