"""A child as data: what to start, when to restart it, how to stop it. Checked when it is made; nothing is started by making one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, get_args

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.otp.flags import Backoff, is_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from agentsup.otp.actor import Actor
    from agentsup.otp.flags import SupFlags

Restart = Literal["permanent", "transient", "temporary"]
"""Restarted after every end; after an abnormal one; never (rule S9)."""

ChildType = Literal["worker", "supervisor"]

INFINITY: Final = math.inf
"""As `shutdown`: ask, and wait for ever; as `intensity`: no limit."""

BRUTAL_KILL: Final = "brutal_kill"
"""As `shutdown`: kill at once, without asking and without `terminate`."""


@attrs.frozen(kw_only=True)
class ChildSpec:
    """What a supervisor knows about a child. All its problems are told at once, as a `SpecError`."""

    id: Hashable = None
    """Its name among its siblings; a `DynamicSupervisor` uses it in reports only."""

    start: Callable[[], Actor]
    """A factory: called in the child's own task for every incarnation, so an error in it is a failed start and hurts nobody else."""

    name: Hashable | None = None
    """A key to hold in the runtime's names from before `init` to the end (a `Name` puts it into another registry)."""

    restart: Restart = "permanent"

    type: ChildType = "worker"

    shutdown: float | Literal["brutal_kill"] = attrs.field()
    """Seconds for an orderly stop before it is killed; `math.inf` waits for ever. 5 for workers, infinity for supervisors."""

    significant: bool = False
    """Whether its end counts for the supervisor's `auto_shutdown`."""

    backoff: Backoff | None = None
    """Its own delays between restarts; the supervisor's if None."""

    init_timeout: float | None = None
    """Seconds `init` may take before the nascent process is killed; None for as long as it likes."""

    @shutdown.default
    def _default_shutdown(self) -> float:
        return math.inf if self.type == "supervisor" else 5.0

    def __attrs_post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise SpecError(problems)

    def _problems(self) -> Iterable[Problem]:
        if not callable(self.start):
            yield Problem(
                "start",
                f"a {type(self.start).__name__} cannot be called; a factory that makes a fresh actor, such as the class itself",
            )
        for name, words in (("restart", Restart), ("type", ChildType)):
            if getattr(self, name) not in get_args(words):
                yield Problem(name, f"{getattr(self, name)!r} is unknown; one of {', '.join(get_args(words))}")
        if self.shutdown != BRUTAL_KILL and not is_seconds(self.shutdown):
            yield Problem(
                "shutdown", f'{self.shutdown!r} is no span; seconds of at least 0, math.inf, or "{BRUTAL_KILL}"'
            )
        if self.init_timeout is not None and not is_seconds(self.init_timeout):
            yield Problem("init_timeout", f"{self.init_timeout!r} is no span; seconds of at least 0, or None")
        if self.significant and self.restart == "permanent":
            yield Problem("significant", "a permanent child never ends for good; make it transient or temporary")
        for name in ("id", "name"):
            if not _is_hashable(getattr(self, name)):
                yield Problem(
                    name, f"a {type(getattr(self, name)).__name__} is not hashable; a string, number or tuple"
                )
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            yield Problem("backoff", f"a {type(self.backoff).__name__} is no Backoff")


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def check_childspecs(specs: Iterable[ChildSpec], flags: SupFlags | None = None, *, ids_matter: bool = True) -> None:
    """Refuse a list of specs that no supervisor (or none with these flags) could start; every problem with its place.

    With `ids_matter=False`, as for a DynamicSupervisor, nothing is said about ids.

    Raises:
        SpecError: something is no ChildSpec, ids are missing or doubled, or a significant child meets `auto_shutdown="never"`.
    """
    problems: list[Problem] = []
    seen: dict[Hashable, int] = {}
    for index, spec in enumerate(specs):
        where = f"children[{index}]"
        if not isinstance(spec, ChildSpec):
            problems.append(Problem(where, f"a {type(spec).__name__} is no ChildSpec"))
            continue
        if not ids_matter:
            continue
        if spec.id is None:
            problems.append(Problem(f"{where}.id", "missing; siblings are told apart by it"))
        elif spec.id in seen:
            problems.append(Problem(f"{where}.id", f"{spec.id!r} is the id of children[{seen[spec.id]}] already"))
        seen.setdefault(spec.id, index)
        if flags is not None and flags.auto_shutdown == "never" and spec.significant:
            problems.append(Problem(f"{where}.significant", 'means nothing under auto_shutdown="never"'))
    if problems:
        raise SpecError(problems)
