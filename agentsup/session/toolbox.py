"""Running one tool call: whatever the tool does, the model gets exactly one result."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio

from agentsup.session.errors import ToolError
from agentsup.session.spec import SessionSpec
from agentsup.session.tool import Tool
from agentsup.talk.tools import SessionInfo, ToolResult, ToolUse

_log = structlog.get_logger("agentsup.session")


async def run_tool(spec: SessionSpec, use: ToolUse, info: SessionInfo) -> ToolResult:
    """Run the tool (or the handler) the model asks for and make a result of whatever it does.

    Only KeyboardInterrupt and our own cancellation pass; everything else a tool raises, SystemExit included, is an error result.
    """
    found = spec.tool(use.name)
    timeout = found.spec.timeout if found is not None and found.spec.timeout is not None else float("inf")
    try:
        with trio.move_on_after(timeout) as scope:
            return ToolResult(use.call_id, as_text(await _call(spec, found, use, info)))
    except ToolError as exc:
        return _failed(use, str(exc))
    except (trio.Cancelled, KeyboardInterrupt):
        raise
    except BaseException as exc:  # noqa: BLE001  -- a tool may raise anything
        # The border: a tool's failure is the model's to read, not the session's to die of.
        if isinstance(exc, BaseExceptionGroup) and (ours := exc.subgroup((trio.Cancelled, KeyboardInterrupt))):
            raise ours from None  # and not what the tool raised beside it, cancelled as it was
        _log.info("tool.failed", tool=use.name, call_id=use.call_id, error=type(exc).__name__)
        return _failed(use, f"the tool failed: {type(exc).__name__}: {_words(exc)}")
    assert scope.cancelled_caught
    return _failed(use, f"the tool took longer than its {timeout:g} seconds")


async def _call(spec: SessionSpec, found: Tool | None, use: ToolUse, info: SessionInfo) -> Any:
    if found is not None:
        arguments = found.arguments(use.input, info=info, context=spec.context)
        try:
            inspect.signature(found.function).bind(**arguments)
        except TypeError as exc:
            raise ToolError(f"wrong arguments for {use.name}: {exc}") from None
        return await _run(found.function, found.is_async, **arguments)
    handler = spec.tool_handler
    if handler is None:
        known = ", ".join(tool.name for tool in spec.tools) or "none"
        raise ToolError(f"there is no tool {use.name!r} here; the tools are: {known}")
    return await _run(handler, inspect.iscoroutinefunction(handler), use.name, dict(use.input), spec.context, info)


async def _run(function: Callable[..., Any], is_async: bool, /, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT001  -- read off the function
    if is_async:
        return await function(*args, **kwargs)
    # A thread cannot be stopped. It is left to itself when its call is: what it still returns is not heard.
    # (In a list, because trio takes a function that gives a coroutine, as a wrapper of an async one does, for a mistake.)
    (value,) = await trio.to_thread.run_sync(lambda: [function(*args, **kwargs)], abandon_on_cancel=True)
    return await value if isinstance(value, Awaitable) else value


def as_text(value: Any) -> str:
    """What a tool returned, as the text the model is given: text as it is, nothing as nothing, everything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _words(exc: BaseException) -> str:
    """What the exception says, even if it fails at saying it."""
    try:
        return str(exc)
    except Exception:  # noqa: BLE001  -- the tool's code again
        return "(it cannot be shown)"


def _failed(use: ToolUse, text: str) -> ToolResult:
    return ToolResult(use.call_id, text, is_error=True)
