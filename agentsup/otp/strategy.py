"""Who is restarted with whom: the three strategies, pure (rules S13 to S15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agentsup.otp.flags import Strategy

K = TypeVar("K")


def affected(strategy: Strategy, order: Sequence[K], failed: K, pending: Iterable[K] = ()) -> list[K]:
    """Whom the failure of `failed` concerns, itself included, in start order; they are stopped in the reverse of it.

    `order` is the start order of all children. `pending` are those who still wait to be started after an earlier failure: they stay concerned, and
    under rest_for_one whoever was started after the first of them does too.
    """
    if strategy == "one_for_one":
        return [failed]
    if strategy == "one_for_all":
        return list(order)
    if strategy == "rest_for_one":
        first = min(order.index(key) for key in (failed, *pending))
        return list(order[first:])
    assert_never(strategy)
