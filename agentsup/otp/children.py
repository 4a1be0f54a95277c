"""What one can ask of any supervisor: start, stop, restart, forget, list and count children.

The messages never leave this file and the supervisors: callers know functions only. All of them wait without a limit, as OTP's do; put a cancel
scope around them if you want one, it leaves the supervisor's work untouched.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any, Literal

import attrs

from agentsup.errors import SpecError
from agentsup.otp.calls import call
from agentsup.otp.childspec import ChildSpec
from agentsup.otp.refs import Ref

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentsup.otp.childspec import ChildType
    from agentsup.otp.refs import Dest

ChildState = Literal["starting", "running", "restarting", "stopping", "stopped"]


@attrs.frozen
class Started:
    """What a start answers where `init` handed extra information through (`self.hand_through(extra)`); otherwise it is the bare ref."""

    ref: Ref
    extra: Any


@attrs.frozen
class ChildInfo:
    """One child, as its supervisor sees it."""

    id: Hashable
    ref: Ref | None
    """Its current incarnation; None while there is none."""

    type: ChildType
    state: ChildState
    restarts: int = 0
    """How often it was restarted."""


@attrs.frozen
class Counts:
    """How many children a supervisor has; `supervisors` and `workers` count specs, dead or alive (rule S19)."""

    specs: int
    active: int
    supervisors: int
    workers: int


@attrs.frozen
class StartChild:
    """Start a child and keep its spec."""

    spec: ChildSpec
    context: contextvars.Context


@attrs.frozen
class TerminateChild:
    """Stop a child."""

    key: Hashable


@attrs.frozen
class RestartChild:
    """Start a stopped child again."""

    key: Hashable


@attrs.frozen
class DeleteChild:
    """Forget a stopped child."""

    key: Hashable


@attrs.frozen
class GetChildSpec:
    """Look at a child's spec."""

    key: Hashable


@attrs.frozen
class WhichChildren:
    """List the children."""


@attrs.frozen
class CountChildren:
    """Count them."""


async def start_child(sup: Dest, spec: ChildSpec) -> Ref:
    """Start a child under a running supervisor and wait for its `init`; its ref.

    The context variables of the caller are captured now: every incarnation of the child runs in a fresh copy of them. If the caller is cancelled
    meanwhile, the start goes on. If a failure among its siblings restarts them together meanwhile, it is started with them, and that is the answer.

    Only where `init` called `hand_through`, the answer is a `Started` instead (rule S21).

    Raises:
        SpecError: what is given is no ChildSpec, or one this supervisor cannot have; nobody was asked.
        AlreadyStarted: a child with that id, or a process with that name, lives; the error carries its ref.
        AlreadyPresent: a stopped child with that id is kept.
        MaxChildren: the dynamic supervisor is full.
        InitFailed: `init` raised, stopped or was killed; the error carries the exit reason, the exception is its cause.
        InitTimeout: `init` took longer than the spec's `init_timeout`.
        BadReturn: the factory or `init` returned something else than they may.
        StartIgnored: `init` returned `Ignore()`.
        NoProc: there is no such supervisor.
        ServerDied: the supervisor ended meanwhile.
    """
    if not isinstance(spec, ChildSpec):
        raise SpecError.of("spec", f"a {type(spec).__name__} is no ChildSpec")
    started: Ref = await call(sup, StartChild(spec, contextvars.copy_context()), timeout=None)
    return started


async def terminate_child(sup: Dest, child: Hashable) -> None:
    """Stop a child, by id - by ref under a DynamicSupervisor - and wait until it has ended. It is not restarted; a static supervisor keeps its spec.

    Stopping a stopped child is fine, and a pending restart is called off. A child whose first start this interrupts is forgotten: whoever asked for the
    start is told that it failed.

    Raises:
        NotFound: there is no such child (any more).
    """
    await call(sup, TerminateChild(child), timeout=None)


async def restart_child(sup: Dest, child: Hashable) -> Ref:
    """Start a stopped child again from its spec; its new ref.

    Raises:
        NotFound: there is no such child.
        Running: it runs.
        Restarting: it is about to be restarted anyway.
        InitFailed: and the other errors of `start_child`; the spec is kept.
    """
    ref: Ref = await call(sup, RestartChild(child), timeout=None)
    return ref


async def delete_child(sup: Dest, child: Hashable) -> None:
    """Forget the spec of a stopped child.

    Raises:
        NotFound: there is no such child.
        Running: it runs; terminate it first.
        Restarting: it is about to be restarted; terminate it first.
    """
    await call(sup, DeleteChild(child), timeout=None)


async def get_childspec(sup: Dest, child: Hashable) -> ChildSpec:
    """The spec of a child, by id or by ref.

    Raises:
        NotFound: there is no such child.
    """
    spec: ChildSpec = await call(sup, GetChildSpec(child), timeout=None)
    return spec


async def which_children(sup: Dest) -> list[ChildInfo]:
    """The children, newest first (rule S19)."""
    found: list[ChildInfo] = await call(sup, WhichChildren(), timeout=None)
    return found


async def count_children(sup: Dest) -> Counts:
    """How many children there are, without listing them."""
    counts: Counts = await call(sup, CountChildren(), timeout=None)
    return counts
