"""A tool: a function of the user's, with what the model is told of it."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, overload

import attrs
import structlog
import trio

from agentsup.errors import Problem, SpecError
from agentsup.session.arguments import Arguments
from agentsup.session.calling import Raised, Returned, outcome_of
from agentsup.session.docstring import summary
from agentsup.session.signature import Signature, core_of, is_async, is_method, label_of, signature_of, yields
from agentsup.session.validator import schema_problems
from agentsup.talk.tools import DEFAULT_MAX_OUTPUT, Effect, SessionInfo, ToolSpec, ToolUse

_log = structlog.get_logger("agentsup.session")

_NAME_LIMIT = 128
"""Characters a tool's name may have at Claude Managed Agents, the narrowest of the providers."""

_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_NAME_LIMIT}}}")

NeedsApproval: TypeAlias = bool | Callable[[Mapping[str, Any], SessionInfo], Any]
"""Whether a call has to be approved before it runs: always, never, or as the function says, sync or async, of the call's arguments as the
model gave them."""


@attrs.frozen
class Tool:
    """A function as a tool, made by `tool`. Calling it calls the function."""

    spec: ToolSpec
    """What the model is told, and how the call is run."""

    function: Callable[..., Any] = attrs.field(repr=False)
    """The function itself."""

    signature: Signature = attrs.field(repr=False, eq=False)
    """What the function takes."""

    _arguments: Arguments = attrs.field(repr=False, eq=False)
    _approval: Callable[..., Any] | None = attrs.field(default=None, repr=False)

    unbound: bool = False
    """It is a method that has not got its object yet: take it from one, as in `shop.order`."""

    @property
    def name(self) -> str:
        """The name the model calls it by."""
        return self.spec.name

    @property
    def is_async(self) -> bool:
        """It runs here; otherwise in a thread."""
        return is_async(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Tool:
        """The tool of one object, where a method was made one; likewise of a class."""
        if not self.unbound or (instance is None and not isinstance(self.function, classmethod)):
            return self
        return attrs.evolve(self, function=self.function.__get__(instance, owner), unbound=False)

    def arguments(self, given: Mapping[str, Any], *, info: SessionInfo, context: Any) -> dict[str, Any]:
        """The function's arguments: what the model gave, checked and made into what the annotations say, and what the function asked of us.

        Raises:
            SpecError: the model's arguments cannot be used; every one that is wrong is named with its path and what would be right.
        """
        signature = self.signature
        found = self._arguments.read(given)
        unknown = [name for name in found if signature.takes is not None and name not in signature.takes]
        if unknown:
            raise SpecError(Problem(name, "is not known") for name in unknown)
        found.update(dict.fromkeys(signature.info_parameters, info))
        if signature.wants_context:
            found["context"] = context
        return found

    async def wants_approval(
        self, use: ToolUse, info: SessionInfo, *, threads: trio.CapacityLimiter | None = None
    ) -> bool:
        """Whether this call has to be approved before it runs.

        A call with wrong arguments has not: it will not run. A function that decides is asked here if it is async, else in a thread; the
        call has to be approved unless it says False, and also if it fails.
        """
        if not self.spec.needs_approval or not self._fits(use.input):
            return False
        if self._approval is None:
            return True
        ask = functools.partial(self._approval, copy.deepcopy(dict(use.input)), info)
        outcome = await outcome_of(
            ask, is_async=is_async(self._approval), threads=threads, name=f"approval {self.name}"
        )
        if isinstance(outcome, Raised):
            _log.warning("tool.approval_failed", tool=self.name, error=type(outcome.error).__name__)
        return not isinstance(outcome, Returned) or outcome.value is not False

    def _fits(self, given: Mapping[str, Any]) -> bool:
        try:
            self._arguments.read(given)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001  -- whatever the user's classes say against it, it will not run
            return False
        return True


@overload
def tool(
    function: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "unsafe",
    timeout: float | None = None,
    needs_approval: NeedsApproval = False,
    max_output: int = DEFAULT_MAX_OUTPUT,
    input_schema: Mapping[str, Any] | None = None,
) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "unsafe",
    timeout: float | None = None,
    needs_approval: NeedsApproval = False,
    max_output: int = DEFAULT_MAX_OUTPUT,
    input_schema: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "unsafe",
    timeout: float | None = None,
    needs_approval: NeedsApproval = False,
    max_output: int = DEFAULT_MAX_OUTPUT,
    input_schema: Mapping[str, Any] | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a typed function: the model is told its name, its docstring and a JSON Schema from its signature.

    Anything that can be called will do: functions, methods (decorated in the class, or taken from an object), partials, objects with
    `__call__`. One that is not async runs in a thread. A parameter named `info` (or annotated with `SessionInfo`) is given where the call
    comes from, one named `context` the session's context; the model sees neither.

    Args:
        function: The function; left out when the decorator is used with options.
        name: The name the model calls it by; the function's own if not given.
        description: What the model is told it does; the docstring before `Args:` if not given.
        effect: Whether a call may be run again after a crash: `pure`, `idempotent`, or `unsafe` (may not).
        timeout: Seconds one call may take from when it begins to run.
        needs_approval: Whether a call has to be approved before it runs; or a function of the arguments and the `SessionInfo`, sync or
            async, that says so. A call that it does not say False to has to be.
        max_output: Characters of text a result may have; of a longer one the model gets head and tail.
        input_schema: A JSON Schema of type `object`, instead of the one from the signature; the arguments are then checked by it and passed
            as they come.

    Raises:
        SpecError: the signature or an option cannot be used; every problem is listed.
    """
    options = (name, description, effect, timeout, needs_approval, max_output, input_schema)
    asked = options != (None, None, "unsafe", None, False, DEFAULT_MAX_OUTPUT, None)

    def make(found: Callable[..., Any]) -> Tool:
        if isinstance(found, Tool):
            if asked:
                raise SpecError.of(
                    f"tool {found.name!r}", "is a tool already; options go where its function becomes one"
                )
            return found
        spec = ToolSpec(
            name=_name_of(found) if name is None else name,
            description=summary(_doc_of(found)) if description is None else description,
            input_schema={} if input_schema is None else copy.deepcopy(input_schema),
            effect=effect,
            timeout=timeout,
            needs_approval=needs_approval is not False,
            max_output=max_output,
        )
        return _make(found, spec, needs_approval, of_hand=input_schema is not None)

    return make if function is None else make(function)


def _make(function: Callable[..., Any], spec: ToolSpec, needs_approval: NeedsApproval, *, of_hand: bool) -> Tool:
    problems: list[Problem] = []
    at = f"tool {spec.name!r}"
    if of_hand:
        problems += (
            Problem(f"{at}.input_schema{_dotted(each.path)}", each.message)
            for each in schema_problems(spec.input_schema)
        )
    signature = arguments = None
    if not problems:
        try:
            signature = _signature_of(function, at, spec.input_schema if of_hand else None)
            arguments = Arguments(signature.schema, signature.hints, at=label_of(function))
        except SpecError as exc:
            problems += exc.problems
    problems += problems_of(spec)
    if not isinstance(needs_approval, bool) and not callable(needs_approval):
        kind = type(needs_approval).__name__
        problems.append(Problem(f"{at}.needs_approval", f"must be True, False or a function (input, info), not {kind}"))
    if problems or signature is None or arguments is None:
        raise SpecError(problems)
    return Tool(
        spec=attrs.evolve(spec, input_schema=signature.schema),
        function=function,
        signature=signature,
        arguments=arguments,
        approval=needs_approval if callable(needs_approval) else None,
        unbound=is_method(function),
    )


def _signature_of(function: Any, at: str, input_schema: Mapping[str, Any] | None) -> Signature:
    if inspect.isclass(function) or not (callable(function) or isinstance(function, classmethod)):
        kind = "a class" if inspect.isclass(function) else type(function).__name__
        raise SpecError.of(at, f"must be a function or something else that can be called, not {kind}")
    if yields(function):
        raise SpecError.of(at, "must return its result, not yield it: a call has one result")
    return signature_of(function, input_schema)


def _name_of(function: Any) -> str:
    core = core_of(function)
    name = getattr(core, "__name__", "")
    return type(function).__name__ if name == "__call__" else str(name)


def _doc_of(function: Any) -> str:
    core = core_of(function)
    return inspect.getdoc(core) or (inspect.getdoc(type(function)) or "" if core.__name__ == "__call__" else "")


def _dotted(path: str) -> str:
    return f".{path}" if path else ""


def problems_of(spec: ToolSpec) -> list[Problem]:
    """What is wrong with a tool's specification, all of it but for its schema."""
    at = f"tool {spec.name!r}"
    found: list[Problem] = []
    if not isinstance(spec.name, str) or not _NAME.fullmatch(spec.name):
        found.append(Problem(at, f"must be named with 1 to {_NAME_LIMIT} letters, digits, _ or -"))
    if not isinstance(spec.description, str):
        found.append(Problem(f"{at}.description", f"must be text, not {type(spec.description).__name__}"))
    if spec.effect not in ("pure", "idempotent", "unsafe"):
        found.append(Problem(f"{at}.effect", f"must be 'pure', 'idempotent' or 'unsafe', not {spec.effect!r}"))
    if spec.timeout is not None and not _is_seconds(spec.timeout):
        found.append(Problem(f"{at}.timeout", f"must be None or a positive number of seconds, not {spec.timeout!r}"))
    if type(spec.max_output) is not int or spec.max_output < 1:
        found.append(Problem(f"{at}.max_output", f"must be a positive number of characters, not {spec.max_output!r}"))
    return found


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0 and not math.isnan(value)
