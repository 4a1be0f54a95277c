"""Taking out of use what was provisioned: `teardown` of one handle, `prune` of what is old."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from agentsup.errors import Problem, SpecError
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning.backend import Resource, Watch
from agentsup.provisioning.errors import PartlyFailed, ProvisionFailed, ProvisionTimeout
from agentsup.provisioning.flights import alone
from agentsup.provisioning.handle import Handle
from agentsup.provisioning.kinds import Target, asked
from agentsup.provisioning.persistence import persist
from agentsup.provisioning.plan import beyond
from agentsup.provisioning.provide import timeout_problems
from agentsup.provisioning.stores import Store


async def teardown(
    handle: Handle, *, provider: Any = None, store: Store | None = None, timeout: float | None = None
) -> None:
    """Take everything the handle names out of use, at the provider and in the store; sessions that run go on.

    Mind that equal specs share an agent: it is gone for everybody who has the same handle. Everything is tried, whatever fails, in the
    opposite order of its making; what is out of use already counts as done. Tags on the handle are forgotten.

    Args:
        handle: From `provision`, `ensure_agent`, `ensure_environment` or `resolve`.
        provider: Where; by default where the handle was made.
        store: Where it was remembered, if that was not this process.
        timeout: Seconds for all requests of this call together.

    Raises:
        SpecError: the handle or the provider cannot be used.
        PartlyFailed: some of it is still there; the error tells what, and why. Call it again for the rest.
    """
    problems = timeout_problems(timeout)
    if not isinstance(handle, Handle):
        problems.append(Problem("handle", f"must be a Handle, not {type(handle).__name__}"))
    if problems:
        raise SpecError(problems)
    async with asked(handle.provider if provider is None else provider, store) as target:
        await _retire(target, tuple(reversed(handle.resources)), f"teardown of {handle.name}", timeout)


async def prune(
    provider: Any,
    base: str,
    *,
    keep: int,
    role: str | None = None,
    store: Store | None = None,
    timeout: float | None = None,
) -> tuple[Resource, ...]:
    """Take all but the newest `keep` resources of a base out of use, oldest first; what they were.

    Only names that are the base and a digest count, and nothing is touched that a tag in the store stands for. Everything is tried, whatever
    fails.

    Args:
        provider: Where.
        base: The name in the specs.
        keep: How many of the newest stay; at least 1. Tagged ones count if they are among the newest.
        role: What to prune where a provider has several: `agent` by default, or `environment`.
        store: Where the tags are.
        timeout: Seconds for all requests of this call together.

    Raises:
        SpecError: an argument cannot be used.
        PartlyFailed: some are still there; the error tells what is done and what is not.
        ProvisionFailed: it is not known what there is.
    """
    problems = timeout_problems(timeout)
    if type(keep) is not int or keep < 1:
        problems.append(Problem("keep", f"must be an integer of at least 1, not {keep!r}: teardown takes all of one"))
    async with asked(provider, store) as target:
        problems += target.backend.rule.problems(base, "base")
        role = target.backend.roles[0] if role is None else role
        if role not in target.backend.roles:
            known = " or ".join(repr(each) for each in target.backend.roles)
            problems.append(Problem("role", f"must be {known}, not {role!r}"))
        if problems:
            raise SpecError(problems)
        return await _prune(target, base, keep, role, timeout)


async def _prune(target: Target, base: str, keep: int, role: str, timeout: float | None) -> tuple[Resource, ...]:
    backend, what = target.backend, f"prune of {base}"
    patience = backend.patience if timeout is None else timeout
    watch = Watch(doing=f"listing every {role}")
    with trio.move_on_after(patience) as scope:
        try:
            protected = await target.recall.protected()
        except Exception as exc:
            raise ProvisionFailed(f"{what}: the tags cannot be read, so nothing was pruned") from exc
        try:
            founds = await persist(lambda: backend.search(role))
        except (Unavailable, Rejected) as exc:
            raise ProvisionFailed(f"{what}: {exc}", failure=getattr(exc, "failure", None)) from exc
    if scope.cancelled_caught:
        raise ProvisionTimeout(patience, watch)
    surplus = [
        Resource(
            role=role,
            id=found.id,
            name=found.name,
            base=base,
            digest=backend.rule.digest_in(found.name, base) or "",
            arn=found.arn,
        )
        for found in beyond(founds, base, backend.rule, keep=keep, protected=protected)
    ]
    return await _retire(target, surplus, what, max(0.0, scope.deadline - trio.current_time()))


async def _retire(
    target: Target, resources: Sequence[Resource], what: str, timeout: float | None
) -> tuple[Resource, ...]:
    """Discard these in order, and tell what came of it: all of them done, or an error that says which are not."""
    backend, watch = target.backend, Watch()
    done: list[Resource] = []
    failed: list[tuple[Resource, BaseException]] = []
    patience = backend.patience if timeout is None else timeout
    with trio.move_on_after(patience):
        async with alone((backend.scope, each.role, each.name) for each in resources):
            for each in resources:
                watch.start(f"taking {each} out of use")
                try:
                    await persist(lambda each=each: backend.discard(each, watch))  # type: ignore[misc]  # bound now
                except Exception as exc:  # noqa: BLE001  -- whatever it is, the others have their turn, and the caller is told
                    failed.append((each, exc))
                    continue
                done.append(each)
                with trio.CancelScope(shield=True):  # it is gone; what still says otherwise has to go as well
                    await target.recall.forget(each)
    late = [each for each in resources if each not in done and all(each != other for other, _ in failed)]
    failed += [(each, trio.TooSlowError(f"not done in {patience:g} s, while {watch}")) for each in late]
    if failed:
        raise PartlyFailed(what, done=done, failed=failed)
    return tuple(done)
