"""What the kernel logs: OTP's reports, as structured events.

Events go to structlog under the logger name `agentsup.otp`, with `domain` ("otp", "sasl") and a `label`, so that a filter can tell them apart. Clean
ends are never at error level. States and messages show as type names only, unless `format_status` of the actor says more. An exception shows as its type and its frames,
without its text; who wants more finds the exception itself in `reason`, in a structlog processor.

| event | level | when |
|---|---|---|
| `supervisor_report` | error | a child failed to start, died, did not stop well, or the supervisor gives up (`context` says which) |
| `progress_report` | info | a child runs; only where the runtime was opened with `progress_reports=True` |
| `crash_report` | error | a process ended with anything but a clean reason, a kill or a stop somebody asked for |
| `unhandled_message` | warning | an actor has no `handle_info`, or a supervisor was sent something it does not take |
| `zombie_parked` | error | a process or a task of it did not end although it was killed |
| `terminate_cut` | warning | `terminate` took longer than its budget |
| `restart_limit_unreachable` | warning | the delays alone keep a failing child under the restart limit |
| `watcher_removed` | warning | a debugging function raised |
| `trace` | info | one thing a traced process did (`sys.start_trace`) |
| `loop_blocked` | error | no task of the loop ran for a while; which actor, and where (only with a watchdog) |
| `shutdown_cut` | error | the runtime could not stop everything within its deadline |
"""

from __future__ import annotations

import itertools
import traceback
from typing import TYPE_CHECKING, Any, Literal

from agentsup.otp.entries import held_by
from agentsup.otp.log import Log
from agentsup.otp.mailbox import describe_entry
from agentsup.otp.reasons import Crashed, Killed, root_causes

if TYPE_CHECKING:
    import trio

    from agentsup.otp.cell import Cell
    from agentsup.otp.child import Child
    from agentsup.otp.flags import SupFlags
    from agentsup.otp.pace import Pace
    from agentsup.otp.probe import TraceEvent
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.spawned import Spawned

_log = Log("agentsup.otp", {"domain": ("otp", "sasl")})

MESSAGES = 10
"""How many of the messages that waited a crash report names, by their kinds and types."""

NEIGHBOURS = 15
"""How many neighbours a crash report tells of, as OTP's: a crowd that is linked together would fill the log."""

ErrorContext = Literal["start_error", "child_terminated", "shutdown_error", "shutdown"]


def supervisor(cell: Cell, context: ErrorContext, child: Child, reason: ExitReason, **more: Any) -> None:
    """The supervisor report: what happened to which child."""
    actor: Any = cell.actor
    pace: Pace = actor.pace
    _log.report(
        "error",
        "supervisor_report",
        lambda: {
            "label": ("supervisor", "error"),
            "supervisor": str(cell.ref),
            "context": context,
            "reason": reason,
            "offender": _offender(child),
            "restarts_in_period": len(pace.window.attempts),
            "intensity": pace.flags.intensity,
            "period": pace.flags.period,
            "strategy": pace.flags.strategy,
            **_error_fields(reason),
            **more,
        },
    )


def progress(cell: Cell, child: Child) -> None:
    """The progress report: a child runs."""
    if cell.runtime.progress_reports:
        _log.report(
            "info",
            "progress_report",
            lambda: {
                "label": ("supervisor", "progress"),
                "supervisor": str(cell.ref),
                "started": _offender(child),
            },
        )


def _offender(child: Child) -> dict[str, Any]:
    spec = child.spec
    return {
        "ref": None if child.cell is None else str(child.cell.ref),
        "id": spec.id,
        "start": getattr(spec.start, "__qualname__", type(spec.start).__name__),
        "restart_type": spec.restart,
        "significant": spec.significant,
        "shutdown": spec.shutdown,
        "child_type": spec.type,
        "incarnation": child.incarnation,
        "failures_in_a_row": child.failures,
    }


def _error_fields(reason: ExitReason) -> dict[str, Any]:
    """Where it happened, and what. The exception's text and its frames' locals stay out: they hold what the actor was working on."""
    if not isinstance(reason, Crashed):
        return {}
    return {"error": error_name(reason.exception), "frames": frames(reason.exception)}


def error_name(error: BaseException) -> str:
    """The type of an error; of a group, also those of its leaves."""
    leaves = root_causes(error)
    return (
        type(error).__name__
        if leaves == (error,)
        else f"{type(error).__name__}({', '.join(type(leaf).__name__ for leaf in leaves)})"
    )


def frames(error: BaseException) -> list[str]:
    """The frames of an error, outermost first: file, line, function."""
    walk = traceback.walk_tb(error.__traceback__)  # not extract_tb, which reads the source lines
    return [f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}" for frame, line in walk]


def ended(cell: Cell, reason: ExitReason, *, was_starting: bool) -> None:
    """The crash report: a process ended by a fault of its own code."""
    if reason.is_clean or isinstance(reason, Killed) or not isinstance(reason, Crashed):
        return
    if was_starting:
        return  # whoever started it is told by the error, and the supervisor reports it
    _log.report("error", "crash_report", lambda: _crash_fields(cell, reason))


def _crash_fields(cell: Cell, reason: Crashed) -> dict[str, Any]:
    return {
        "label": ("proc_lib", "crash"),
        "reason": reason,
        "last_message": describe_entry(cell.current),
        "messages": [describe_entry(entry) for entry in itertools.islice(cell.mailbox.queue or (), MESSAGES)],
        "state": format_state(cell),
        "handled": cell.handled,
        "log": None if cell.probe is None or cell.probe.ring is None else [event.what for event in cell.probe.ring],
        "neighbours": [_as_neighbour(other) for other in neighbours(cell)],
        **_about(cell),
        **_client(cell.current),
        **_error_fields(reason),
    }


def _about(cell: Cell) -> dict[str, Any]:
    """What is said of a process, be it the one that crashed or one beside it."""
    return {
        "ref": str(cell.ref),
        "names": [held.key for held in held_by(cell)],
        "initial_call": type(cell.actor).__name__,
        "ancestors": [str(each.ref) for each in ancestors(cell)],
        "mailbox_length": len(cell.mailbox.queue or ()),
        "links": [str(other.ref) for other in cell.links or ()],
        "trap_exit": cell.trapping,
    }


def _as_neighbour(cell: Cell) -> dict[str, Any]:
    return {
        **_about(cell),
        "status": cell.phase.value,
        "current_message": describe_entry(cell.current),
        "stack": [] if cell.task is None else stack(cell.task),
    }


def neighbours(cell: Cell) -> list[Cell]:
    """Who goes down with a process: those linked with it, directly or through others, that do not trap exits; nearest first, `NEIGHBOURS` at most."""
    found, seen = [cell], {cell}
    for each in found:  # it grows while we walk
        for other in sorted(each.links or (), key=lambda cell: cell.ref):
            if other in seen or other.trapping or len(found) > NEIGHBOURS:
                continue
            seen.add(other)
            found.append(other)
    return found[1:]


def stack(task: trio.lowlevel.Task) -> list[str]:
    """Where a task is in its code, outermost frame first: file, line, function."""
    return [
        f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}" for frame, line in task.iter_await_frames()
    ]


def _client(entry: Any) -> dict[str, Any]:
    """Of a call that was being handled: who waits for it, and where in its code (rule G17)."""
    task = getattr(entry, "task", None)
    if task is None:
        return {"client": None, "client_frames": None}
    return {"client": task.name, "client_frames": stack(task)}


def ancestors(cell: Cell) -> list[Cell]:
    """The supervisors above a process, nearest first."""
    found = []
    above = cell.parent
    while above is not None:
        found.append(above)
        above = above.parent
    return found


def format_state(cell: Cell) -> object:
    """The actor's state as it may be shown; a fault in `format_status` must not hide what is being reported (rule Y3)."""
    actor = cell.actor
    if actor is None:
        return None
    try:
        return actor.format_status(getattr(actor, "state", None))
    except Exception as error:  # noqa: BLE001  (user code on the way of an error report)
        return f"format_status raised {type(error).__name__}"


def unhandled(cell: Cell, message: object) -> None:
    """A message nobody takes (rule G12)."""
    _log.say(
        "warning",
        "unhandled_message",
        ref=str(cell.ref),
        module=type(cell.actor).__name__,
        message_type=type(message).__name__,
    )


def zombie(cell: Cell, spawned: Spawned | None = None) -> None:
    """Something was killed and lives on."""
    what = "process" if spawned is None else "spawned task"
    _log.say("error", "zombie_parked", ref=str(cell.ref), what=what, grace=cell.runtime.reaper.grace)


def terminate_cut(cell: Cell, budget: float) -> None:
    """`terminate` was cut off at the end of its budget."""
    _log.say("warning", "terminate_cut", ref=str(cell.ref), budget=budget)


def watcher_failed(cell: Cell, error: BaseException) -> None:
    """A debugging function raised and was removed."""
    _log.say("warning", "watcher_removed", ref=str(cell.ref), error=error_name(error), frames=frames(error))


def traced(event: TraceEvent) -> None:
    """One thing a traced process did."""
    _log.say("info", "trace", ref=str(event.ref), kind=event.kind, what=event.what, at=event.at)


def loop_blocked(cell: Cell | None, after: float, where: list[str]) -> None:
    """The loop stands still; called in the watchdog's thread."""
    _log.say("error", "loop_blocked", ref=None if cell is None else str(cell.ref), after=after, frames=where)


def unreachable_limit(cell: Cell, flags: SupFlags) -> None:
    """The flags contradict each other."""
    _log.say(
        "warning",
        "restart_limit_unreachable",
        ref=str(cell.ref),
        intensity=flags.intensity,
        period=flags.period,
        cap=flags.backoff.cap,
        advice="lower the cap below period / (intensity + 1), or say intensity=math.inf",
    )


def shutdown_cut(deadline: float, left: int) -> None:
    """The ordered stop took too long."""
    _log.say("error", "shutdown_cut", deadline=deadline, processes_left=left)
