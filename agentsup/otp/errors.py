"""What goes wrong in the kernel, named for the situation.

Texts name the destination and the type of a request, never its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from agentsup import errors

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Dest, Ref


class CallError(errors.AgentsupError):
    """A call got no reply. `dest` and `request` are what was called with what; `timeout` is in seconds, None for ever."""

    situation = "got no reply"

    def __init__(self, dest: Dest, request: object, *, timeout: float | None = None) -> None:
        self.dest = dest
        self.request = request
        self.timeout = timeout
        super().__init__(f"call of {dest!r} with {type(request).__name__}: {self._explain()}")

    def _explain(self) -> str:
        return self.situation


class NoProc(CallError):
    """Nobody lives at that address, or nobody holds that name; nothing was delivered."""

    situation = "nobody is there"


class CallTimeout(CallError, trio.TooSlowError):
    """No reply came in time. The server may still be working on the request; its reply will be dropped, harmlessly."""

    def _explain(self) -> str:
        return f"no reply within {self.timeout} s"


class CallingSelf(CallError):
    """An actor called itself and would have waited for ever; a task it spawned may call it."""

    situation = "an actor cannot wait for its own reply"


class CallCycle(CallError):
    """The called actor waits, directly or through others, for the caller: nobody would ever answer. `path` names them in order."""

    def __init__(self, dest: Dest, request: object, *, path: tuple[Ref, ...]) -> None:
        self.path = path
        super().__init__(dest, request)

    def _explain(self) -> str:
        return "waits for its own caller: " + " -> ".join(map(repr, self.path))


class ServerDied(CallError):
    """The server ended while the call was pending; `reason` is its exit reason. Whether it acted on the request is not known."""

    def __init__(self, dest: Dest, request: object, *, reason: ExitReason) -> None:
        self.reason = reason
        super().__init__(dest, request)

    def _explain(self) -> str:
        return f"the server ended with {self.reason!r}"


class MailboxFull(CallError):
    """The mailbox is at its bound and its policy refuses more; nothing was delivered, trying later may help."""

    situation = "the mailbox is full"


class NoReplyYet(CallError):
    """A pending reply was looked at before it was there, or after it was abandoned."""

    situation = "there is no reply"


class CallbackFailed(CallError):
    """The function you handed to `sys.replace_state` raised; the state is as it was, the exception is the cause."""

    situation = "the function raised, and the state is unchanged"


class StartError(errors.AgentsupError):
    """A process could not be started; nothing of it is left."""


class InitFailed(StartError):
    """`init` did not come to a good end; `reason` is the exit reason it left behind, and its exception is the cause of this error."""

    def __init__(self, child: Hashable, reason: ExitReason) -> None:
        self.child = child
        self.reason = reason
        super().__init__(f"start of {child!r}: init ended with {reason!r}")


class InitTimeout(StartError):
    """`init` took longer than its `init_timeout` (seconds); the nascent process was killed."""

    def __init__(self, child: Hashable, timeout: float) -> None:
        self.child = child
        self.timeout = timeout
        super().__init__(f"start of {child!r}: init was not done within {timeout} s")


class BadReturn(StartError):
    """A callback (or a start factory) returned something that is none of its results; the class's docstring lists them."""

    def __init__(self, where: str, value: object, expected: str) -> None:
        self.where = where
        super().__init__(f"{where} returned {type(value).__name__}; right would be {expected}")


class StartIgnored(StartError):
    """`init` returned `Ignore()`: it had nothing to run. A static supervisor keeps the spec, so it can be started later."""

    def __init__(self, child: Hashable) -> None:
        self.child = child
        super().__init__(f"start of {child!r}: init said that there is nothing to run")


class AlreadyStarted(StartError, errors.AlreadyStarted):
    """A process with that id, or holding that name, is alive: `ref` is its address."""

    def __init__(self, message: str, *, ref: Any) -> None:
        errors.AlreadyStarted.__init__(self, message, ref=ref)


class RegistryClosed(StartError):
    """The registry's own process is not there, so nobody can register; once it is restarted, trying again helps."""

    def __init__(self, registry: str, key: Hashable) -> None:
        self.registry = registry
        self.key = key
        super().__init__(f"{key!r} cannot be registered: the process of registry {registry!r} is not there")


class ChildError(errors.AgentsupError):
    """A request about a supervisor's child was refused; the supervisor is unharmed."""


class NotFound(ChildError, errors.NotFound):
    """The supervisor has no such child (any more)."""


class Running(ChildError):
    """The child is running, and the request is one for stopped children; terminate it first."""


class Restarting(ChildError):
    """The child waits for its next start, and the request is one for stopped children; terminate it first."""


class AlreadyPresent(ChildError):
    """A stopped child with that id is kept: restart it, or delete it before starting another under its id."""


class MaxChildren(ChildError):
    """The supervisor has as many children as it may have; `limit` says how many."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        super().__init__(f"the supervisor has {limit} children already, its max_children")


class AlreadyRegistered(errors.AgentsupError):
    """The key is taken: `ref` is the address of its holder."""

    def __init__(self, key: Hashable, ref: Ref) -> None:
        self.key = key
        self.ref = ref
        super().__init__(f"{key!r} is held by {ref!r}")


class NotAnActor(errors.AgentsupError, RuntimeError):
    """Something only an actor can do was tried outside an actor's own callbacks."""


class NoRuntime(errors.AgentsupError, RuntimeError):
    """A name without a registry was used where no runtime is current, and not exactly one is open."""


class RootDied(errors.AgentsupError):
    """The root supervisor was killed, or crashed: the block around the tree could not go on. `reason` is its exit reason."""

    def __init__(self, reason: ExitReason) -> None:
        self.reason = reason
        super().__init__(f"the root supervisor ended with {reason!r}")


class RestartLimitExceeded(errors.AgentsupError):
    """The root supervisor gave up: too many restarts in its period. `reason` is its exit reason, the last failure is the cause."""

    def __init__(self, reason: ExitReason) -> None:
        self.reason = reason
        super().__init__(f"the root supervisor gave up: {reason!r}")


class TaskExited(errors.AgentsupError):
    """A task ended without a result; `reason` is its exit reason, and its exception is the cause of this error. Whoever awaited it lives on."""

    def __init__(self, ref: Ref, reason: ExitReason) -> None:
        self.ref = ref
        self.reason = reason
        super().__init__(f"task {ref!r} ended with {reason!r}")


class TaskTimeout(errors.AgentsupError, trio.TooSlowError):
    """A task has no result yet; it goes on unless something else stops it. `timeout` is in seconds."""

    def __init__(self, ref: Ref, timeout: float | None) -> None:
        self.ref = ref
        self.timeout = timeout
        super().__init__(f"task {ref!r} has no result after {timeout} s")


class NotTaskOwner(errors.AgentsupError, RuntimeError):
    """A task is awaited only by whoever started it; hand results on by messages instead."""


class TaskSpent(errors.AgentsupError, RuntimeError):
    """The task's result was given away already: it was ignored, or is told to its owner as a message."""
