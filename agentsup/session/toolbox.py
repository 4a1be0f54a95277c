"""Running one tool call: whatever the tool does, the model gets exactly one result."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, assert_never

import attrs
import structlog
import trio

from agentsup import telemetry
from agentsup.errors import SpecError
from agentsup.session.answer import answer_of, shortened
from agentsup.session.calling import Raised, Returned, TimedOut, leaves, outcome_of
from agentsup.session.errors import ToolError
from agentsup.session.handler import arity_of
from agentsup.session.outlived import Outlived
from agentsup.session.signature import is_async
from agentsup.session.spec import SessionSpec
from agentsup.session.tool import Tool
from agentsup.talk.content import Part, Text
from agentsup.talk.tools import DEFAULT_MAX_OUTPUT, SessionInfo, ToolResult, ToolUse

_log = structlog.get_logger("agentsup.session")

_MOST_ERRORS = 10
"""Errors of a group that the model is told."""


@attrs.frozen
class _Call:
    """One call, ready to be made."""

    work: Callable[[], Any]
    is_async: bool
    timeout: float = math.inf
    limit: int = DEFAULT_MAX_OUTPUT


async def run_tool(
    spec: SessionSpec,
    use: ToolUse,
    info: SessionInfo,
    *,
    threads: trio.CapacityLimiter | None = None,
    held_up: Callable[[ToolResult | None], None] = lambda _: None,
) -> ToolResult:
    """Run the tool (or the handler) the model asks for and make a result of whatever it does.

    Only KeyboardInterrupt and our own cancellation pass; everything else a tool raises, SystemExit included, is an error result.

    Args:
        spec: Has the tools, the handler and the context.
        use: What the model asks for.
        info: Where the call happens.
        threads: How many threads sync tools may occupy; a limiter of this trio run, with 40, if not given.
        held_up: Called, perhaps more than once, when a tool that was cancelled shields itself for longer than its budget: with the call's result if
            its own time was up, which counts and not what is returned here in the end; else with None. Must not raise.
    """
    try:
        call = _prepared(spec, use, info)
    except ToolError as exc:
        return ToolResult.of(use.call_id, exc.parts, is_error=True)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001  -- making arguments calls the user's classes
        return _failure(use, exc, DEFAULT_MAX_OUTPUT)
    late = f"the tool took longer than its {call.timeout:g} seconds"

    def tell(how: Outlived) -> None:
        _tell(use, info, how)
        if how.where == "task":
            held_up(_failed(use, late) if how.timed_out else None)

    outcome = await outcome_of(
        call.work,
        is_async=call.is_async,
        digest=functools.partial(_digested, use, call.limit),
        timeout=call.timeout,
        threads=threads,
        name=f"tool {use.name}",
        tell=tell,
    )
    match outcome:
        case Returned(result):
            answer: ToolResult = result
            return answer
        case Raised(error):
            return _failure(use, error, call.limit)
        case TimedOut():
            return _failed(use, late)
    assert_never(outcome)


def _tell(use: ToolUse, info: SessionInfo, how: Outlived) -> None:
    """Nobody can end it, so everybody can see who it is."""
    _log.warning(
        "tool.outlived",
        session_id=info.session_id,
        tool=use.name,
        call_id=use.call_id,
        where=how.where,
        held_s=how.held_s,
    )
    if telemetry.listening():
        telemetry.emit(
            telemetry.TOOL_OUTLIVED,
            {"held_s": how.held_s},
            {
                "session_id": info.session_id,
                "provider": info.provider,
                "labels": info.metadata,
                "tool": use.name,
                "call_id": use.call_id,
                "where": how.where,
            },
        )


def _prepared(spec: SessionSpec, use: ToolUse, info: SessionInfo) -> _Call:
    """The call with its arguments checked.

    Raises:
        ToolError: nothing is run, and this is why.
    """
    found = spec.tool(use.name)
    if found is not None:
        return _tool_call(found, use, info, spec.context)
    handler = spec.tool_handler
    if handler is None:
        known = ", ".join(tool.name for tool in spec.tools) or "none"
        raise ToolError(f"there is no tool {use.name!r} here; the tools are: {known}")
    arity = arity_of(handler)
    assert arity is not None, "refused by the spec"
    arguments = (use.name, copy.deepcopy(dict(use.input)), spec.context, info)
    return _Call(functools.partial(handler, *arguments[:arity]), is_async(handler))


def _tool_call(tool: Tool, use: ToolUse, info: SessionInfo, context: Any) -> _Call:
    try:
        arguments = tool.arguments(use.input, info=info, context=context)
    except SpecError as exc:
        raise ToolError(f"wrong arguments for {use.name}: {exc}") from None
    timeout = math.inf if tool.spec.timeout is None else tool.spec.timeout
    return _Call(functools.partial(tool.function, **arguments), tool.is_async, timeout, tool.spec.max_output)


def _digested(use: ToolUse, limit: int, value: Any) -> ToolResult:
    """What it returned as a result. That it ran is said even if that cannot be made: it need not run again for that."""
    try:
        return answer_of(use.call_id, value, limit=limit)
    except SpecError as exc:
        why = "; ".join(f"what it returned{_dotted(each.path)} {each.message}" for each in exc.problems)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001  -- a value may have any code in it
        why = f"{type(exc).__name__}: {_words(exc)}"
    return _failed(use, f"the tool ran, but its result cannot be told: {why}", limit)


def _dotted(path: str) -> str:
    return f", at {path}," if path else ""


def _failure(use: ToolUse, error: BaseException, limit: int) -> ToolResult:
    """What the model is told of what a tool raised. The border: it is the model's to read, not the session's to die of."""
    found = list(leaves(error))
    if len(found) == 1 and isinstance(found[0], ToolError):  # in a group, if it was raised in a nursery
        parts = getattr(found[0], "parts", (Text(_words(found[0])),))  # a subclass may not have called our `__init__`
        return ToolResult.of(use.call_id, shortened(parts, limit), is_error=True)
    _log.info("tool.failed", tool=use.name, call_id=use.call_id, error=type(error).__name__)
    told = "; ".join(f"{type(each).__name__}: {_words(each)}" for each in found[:_MOST_ERRORS])
    more = f"; and {len(found) - _MOST_ERRORS} more" if len(found) > _MOST_ERRORS else ""
    return _failed(use, f"the tool failed: {told}{more}", limit)


def _words(exc: BaseException) -> str:
    """What the exception says, even if it fails at saying it."""
    try:
        return str.__str__(str(exc))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  -- the tool's code again
        return "(it cannot be shown)"


def _failed(use: ToolUse, text: str, limit: int = DEFAULT_MAX_OUTPUT) -> ToolResult:
    parts: tuple[Part, ...] = (Text(text),)
    return ToolResult.of(use.call_id, shortened(parts, limit), is_error=True)
