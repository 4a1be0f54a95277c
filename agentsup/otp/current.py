"""Which runtime is meant where none is named."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

import trio

from agentsup.otp.errors import NoRuntime

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentsup.otp.refs import Name, Ref, Via
    from agentsup.otp.runtime import Runtime

current_var: contextvars.ContextVar[Runtime | None] = contextvars.ContextVar("agentsup_otp_runtime", default=None)
"""The runtime in whose block, or in whose process, the code runs."""

open_ones: trio.lowlevel.RunVar[tuple[Runtime, ...]] = trio.lowlevel.RunVar("agentsup_otp_runtimes", default=())
"""Every runtime open in this trio run; the only one is current for tasks that were started outside its block."""


def current_runtime() -> Runtime:
    """The runtime in whose block the code runs, else the only one open in this trio run.

    Raises:
        NoRuntime: there is none, or there are several and the code is inside none of them.
    """
    runtime = current_var.get()
    if runtime is not None:
        return runtime
    found = open_ones.get()
    if len(found) == 1:
        return found[0]
    count = "no runtime is open" if not found else f"{len(found)} runtimes are open and this code runs in none of them"
    raise NoRuntime(f"{count}; open one with open_runtime(), or name the registry: Name(key, registry)")


def whereis(key: Hashable) -> Ref | None:
    """Who holds `key` in the current runtime's names; None if nobody does.

    Raises:
        NoRuntime: no runtime is current.
    """
    return current_runtime().names.whereis(key)


def registry_of(name: Name) -> Via:
    """Where a name is looked up."""
    return name.registry if name.registry is not None else current_runtime().names
