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
        with trio.fail_after(timeout):
            value = await _call(spec, found, use, info)
    except trio.TooSlowError:
        return _failed(use, f"the tool took longer than its {timeout:g} seconds")
    except ToolError as exc:
        return _failed(use, str(exc))
    except (trio.Cancelled, KeyboardInterrupt):
        raise
    except BaseException as exc:
        # The border: a tool's failure is the model's to read, not the session's to die of.
        if isinstance(exc, BaseExceptionGroup) and exc.subgroup((trio.Cancelled, KeyboardInterrupt)) is not None:
            raise
        _log.info("tool.failed", tool=use.name, call_id=use.call_id, error=type(exc).__name__)
        return _failed(use, f"the tool failed: {type(exc).__name__}: {exc}")
    return ToolResult(use.call_id, as_text(value))


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


async def _run(function: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT001  -- read off the function
    if is_async:
        return await function(*args, **kwargs)
    # A thread cannot be stopped. It is left to itself when its call is: what it still returns is not heard.
    value = await trio.to_thread.run_sync(lambda: function(*args, **kwargs), abandon_on_cancel=True)
    return await value if isinstance(value, Awaitable) else value


def as_text(value: Any) -> str:
    """What a tool returned, as the text the model is given: text as it is, nothing as nothing, everything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(value)


def _failed(use: ToolUse, text: str) -> ToolResult:
    return ToolResult(use.call_id, text, is_error=True)
