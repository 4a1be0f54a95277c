"""Names for handles that can be moved: `desk:stable` is whatever it was last put on."""

from __future__ import annotations

from typing import Any

from agentsup.errors import Problem, SpecError
from agentsup.provisioning.errors import UnknownTag
from agentsup.provisioning.handle import Handle
from agentsup.provisioning.kinds import asked
from agentsup.provisioning.stores import Store


async def tag(handle: Handle, tag: str, *, provider: Any = None, store: Store | None = None) -> None:
    """Let `<base>:<tag>` stand for this handle from now on, whatever it stood for before; one write, so nobody sees it in between.

    The base is the handle's, that is its agent's name in the spec. Tags live in the store, so give a store that lasts; `prune` touches nothing
    that one of them stands for.

    Args:
        handle: What it is to stand for.
        tag: Text without a colon: `stable`.
        provider: Where; by default where the handle was made.
        store: Where the tag is kept, and looked for by `resolve` and `prune`.

    Raises:
        SpecError: the handle, the tag or the provider cannot be used.
    """
    problems = _tag_problems(tag, "tag")
    if not isinstance(handle, Handle):
        problems.append(Problem("handle", f"must be a Handle, not {type(handle).__name__}"))
    if problems:
        raise SpecError(problems)
    async with asked(handle.provider if provider is None else provider, store) as target:
        await target.recall.tag(handle.base, tag, handle.resources)


async def resolve(provider: Any, name: str, *, store: Store | None = None) -> Handle:
    """The handle that `<base>:<tag>` stands for; asks nothing of the provider. It has no `bootstrap`: that is the spec's.

    Raises:
        SpecError: the name has no base and tag, or the provider cannot be used.
        UnknownTag: the store has no such tag: never put, or what it stood for was taken out of use.
    """
    base, colon, tag = name.rpartition(":") if isinstance(name, str) else ("", "", "")
    if not colon or not base:
        raise SpecError.of("name", f"must be a base and a tag, such as 'desk:stable', not {name!r}")
    if problems := _tag_problems(tag, "name"):
        raise SpecError(problems)
    async with asked(provider, store) as target:
        resources = await target.recall.tagged(base, tag)
        if not resources:
            raise UnknownTag(f"no tag {tag!r} of {base!r} is known in {target.recall.store!r}")
        return Handle(kind=target.backend.kind, resources=resources, provider=target.provider)


def _tag_problems(tag: object, path: str) -> list[Problem]:
    if not isinstance(tag, str) or not tag.strip() or not tag.isprintable() or ":" in tag:
        return [Problem(path, "must have a tag of printable characters without a colon")]
    return []
