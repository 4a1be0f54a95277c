"""A function, or whatever else can be called, as a tool: what the model passes, and what the runtime fills in."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Union, get_args, get_origin

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.session.docstring import descriptions
from agentsup.session.hint import bared
from agentsup.session.schema import Field, SchemaWriter
from agentsup.talk.tools import SessionInfo

INFO, CONTEXT = "info", "context"
"""Parameters that the runtime fills in and the model never sees; `info` is also found by its annotation."""

_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@attrs.frozen
class Signature:
    """What a callable takes."""

    schema: Mapping[str, Any]
    """The JSON Schema of what the model passes."""

    hints: Mapping[str, Any]
    """The types that the model's arguments are made into; without the ones of a schema that was written by hand."""

    info_parameters: tuple[str, ...] = ()
    """The parameters that are given the `SessionInfo`."""

    wants_context: bool = False
    """A parameter `context` is given the session's."""

    takes: frozenset[str] | None = None
    """The names it takes from the model; None if it takes any."""


def signature_of(function: Callable[..., Any], input_schema: Mapping[str, Any] | None = None) -> Signature:
    """Read a callable's signature and docstring.

    Args:
        function: What is called.
        input_schema: A schema written by hand; annotations are then not looked at.

    Raises:
        SpecError: a parameter cannot be told to the model, or cannot be filled in; each is named, with what is wrong with it.
    """
    label = label_of(function)
    try:
        parameters = _parameters(function)
    except ValueError:
        raise SpecError.of(label, "has a signature that cannot be read; wrap it in a function of your own") from None
    problems: list[Problem] = []
    hints, lost = _hints(function, parameters)
    infos = tuple(name for name, each in parameters.items() if _is_info(each, hints.get(name, lost.get(name))))
    injected = {*infos, *({CONTEXT} if _is_named(parameters.get(CONTEXT)) else ())}
    for name in injected:
        problems += _misfilled(f"{label}({name})", parameters[name], hints.get(name))
    told = [each for name, each in parameters.items() if name not in injected]
    schema: Mapping[str, Any]
    fields: list[Field] = []
    if input_schema is not None:
        schema = input_schema
        problems += _mismatches(label, told, input_schema)
    else:
        writer = SchemaWriter()
        fields = list(
            _fields(label, told, hints, lost, descriptions(inspect.getdoc(core_of(function)) or ""), problems)
        )
        schema = writer.whole(writer.fields(fields, lambda name: f"{label}({name})"))
        problems = _in_order(problems + writer.problems, [f"{label}({name})" for name in parameters])
    if problems:
        raise SpecError(problems)
    return Signature(schema, {field.name: field.hint for field in fields}, infos, CONTEXT in injected, _taken(told))


def core_of(function: Any) -> Any:
    """The plain function in it, which has the name, the docstring and the names that annotations mean."""
    while True:
        if isinstance(function, functools.partial | functools.partialmethod):
            function = function.func
        elif isinstance(function, staticmethod | classmethod | types.MethodType):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif not inspect.isroutine(function) and not inspect.isclass(function) and callable(function):
            function = type(function).__call__
        else:
            return function


def label_of(function: Any) -> str:
    """What it is called in the problems."""
    return str(getattr(core_of(function), "__qualname__", type(function).__qualname__))


def is_method(function: Any) -> bool:
    """Whether it is a method that has not got its object (or class) yet: its first parameter is a bare `self` or `cls`."""
    if isinstance(function, classmethod):
        return True
    if not inspect.isfunction(function):
        return False
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and first.name in ("self", "cls") and first.annotation is inspect.Parameter.empty


def is_async(function: Any) -> bool:
    """Whether it runs here; everything else runs in a thread."""
    if isinstance(function, staticmethod | classmethod):
        function = function.__func__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def yields(function: Any) -> bool:
    """Whether calling it makes a generator."""
    found = core_of(function)
    return inspect.isgeneratorfunction(found) or inspect.isasyncgenfunction(found)


# --- private -----------------------------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Lost:
    """An annotation that means nothing at run time."""

    annotation: str
    why: str


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    """What is still to be passed: without a method's object, and without what a partial passes already."""
    found = function.__func__ if isinstance(function, staticmethod | classmethod) else function
    parameters = dict(inspect.signature(found).parameters)
    if is_method(function):
        del parameters[next(iter(parameters))]
    passed = found.keywords if isinstance(found, functools.partial) else {}
    return {name: each for name, each in parameters.items() if name not in passed}


def _hints(function: Any, parameters: Mapping[str, inspect.Parameter]) -> tuple[dict[str, Any], dict[str, _Lost]]:
    """The annotations as types, and those that mean nothing at run time, with why; each for itself, so that one hides no other."""
    where = getattr(core_of(function), "__globals__", {})
    hints: dict[str, Any] = {}
    lost: dict[str, _Lost] = {}
    for name, parameter in parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            continue

        def bearer() -> None: ...

        bearer.__annotations__ = {name: parameter.annotation}
        try:
            hints[name] = typing.get_type_hints(bearer, where, include_extras=True)[name]
        except Exception as exc:  # noqa: BLE001  -- an annotation can be any code
            lost[name] = _Lost(str(parameter.annotation), str(exc))
    return hints, lost


def _is_named(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and parameter.kind not in _STARRED


def _is_info(parameter: inspect.Parameter, hint: Any) -> bool:
    """By name, or by annotation; also where the annotation's name is there for the type checker only."""
    if not _is_named(parameter):
        return False
    if parameter.name == INFO:
        return True
    if isinstance(hint, _Lost):
        return hint.annotation.partition("|")[0].strip().rpartition(".")[2] == SessionInfo.__name__
    bare = bared(hint)[0]
    arms = get_args(bare) if get_origin(bare) in (Union, types.UnionType) else (bare,)
    return SessionInfo in arms


def _misfilled(at: str, parameter: inspect.Parameter, hint: Any) -> Iterator[Problem]:
    if parameter.kind is parameter.POSITIONAL_ONLY:
        yield Problem(at, "must not be positional-only: it is filled in by its name")
    if parameter.name == INFO and (hint in (str, int, float, bool) or get_origin(hint) in (list, dict)):
        yield Problem(at, "is given the SessionInfo by the runtime; if the model is to pass it, give it another name")


def _fields(
    label: str,
    parameters: list[inspect.Parameter],
    hints: Mapping[str, Any],
    lost: Mapping[str, _Lost],
    told: Mapping[str, str],
    problems: list[Problem],
) -> Iterator[Field]:
    for parameter in parameters:
        name = parameter.name
        wrong = _why_unpassable(parameter, hints, lost)
        if wrong is not None:
            problems.append(Problem(f"{label}({name})", wrong))
            continue
        required = parameter.default is parameter.empty
        yield Field(name, hints[name], told.get(name, ""), required, parameter.default)


def _why_unpassable(parameter: inspect.Parameter, hints: Mapping[str, Any], lost: Mapping[str, _Lost]) -> str | None:
    if parameter.kind in _STARRED:
        return "must be a named parameter, not a starred one: the model fills in names"
    if parameter.kind is parameter.POSITIONAL_ONLY:
        return "must not be positional-only: the model fills in names"
    if parameter.name in lost:
        return (
            f"has an annotation that means nothing at run time: {lost[parameter.name].why}; "
            "what it names must stand at the top of the module, and not for the type checker only"
        )
    if parameter.name not in hints:
        return "needs an annotation, from which the model is told what to pass"
    return None


def _taken(parameters: list[inspect.Parameter]) -> frozenset[str] | None:
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return frozenset(each.name for each in parameters if each.kind not in _STARRED)


def _mismatches(label: str, parameters: list[inspect.Parameter], schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Where a schema written by hand and the function do not fit together."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    takes = _taken(parameters)
    for parameter in parameters:
        at = f"{label}({parameter.name})"
        if parameter.kind is parameter.POSITIONAL_ONLY:
            yield Problem(at, "must not be positional-only: the model fills in names")
        elif parameter.kind not in _STARRED and parameter.default is parameter.empty and parameter.name not in required:
            yield Problem(at, "must have a default, or be among the schema's `required`")
    if takes is not None:
        for name in properties:
            if name not in takes:
                yield Problem(f"{label}({name})", "is in the schema, but the function does not take it")


def _in_order(problems: list[Problem], places: list[str]) -> list[Problem]:
    """In the order of the parameters, whoever found them."""

    def place(problem: Problem) -> int:
        return next((n for n, at in enumerate(places) if problem.path.startswith(at)), len(places))

    return sorted(problems, key=place)
