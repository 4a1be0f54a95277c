"""From Python types to the JSON Schema that tells the model what to pass."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from collections import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.session.data import as_data
from agentsup.session.docstring import descriptions, summary
from agentsup.session.hint import bared, is_class, unhashable
from agentsup.session.validator import validator_for

_SIMPLE: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
ARRAYS = (
    *(list, set, frozenset),
    *(abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable, abc.Set, abc.MutableSet),
)
"""Types that are arrays of any length in JSON; `tuple` is one for itself."""

SETS = (set, frozenset, abc.Set, abc.MutableSet)
"""Those of them whose items must have a hash."""

OBJECTS = (dict, abc.Mapping, abc.MutableMapping)
"""Types that are objects in JSON, with keys of the model's choice."""

_DEEPEST = 50
"""Types in types; more than that comes of an alias that contains itself."""

NOT_SHOWN = inspect.Parameter.empty
"""There is no default, or none that is a plain value."""


@attrs.frozen
class Field:
    """One named thing the model may pass: a parameter, or a field of a class."""

    name: str
    """Its name in JSON."""

    hint: Any
    """Its type."""

    description: str = ""
    required: bool = True
    default: Any = NOT_SHOWN
    """What it is if left out, where that is a plain value."""


def type_schema(hint: Any, at: str = "") -> dict[str, Any]:
    """The schema of values of that type.

    Args:
        hint: The type, with names already resolved.
        at: Where it stands, for the problems.

    Raises:
        SpecError: the type, or something in it, has no counterpart in JSON; every such place is named.
    """
    writer = SchemaWriter()
    schema = writer.write(hint, at)
    writer.check()
    return writer.whole(schema)


class SchemaWriter:
    """Writes the schemas of the types in one tool, and remembers everything that cannot be written.

    Classes are written where they are used, because models read that best; one that contains itself is written once, under `$defs`.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._depth = 0
        self._open: list[Any] = []
        self._names: dict[Any, str] = {}
        self._definitions: dict[str, Any] = {}

    def check(self) -> None:
        """Raise if anything could not be written.

        Raises:
            SpecError: with every problem so far.
        """
        if self.problems:
            raise SpecError(self.problems)

    def whole(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema together with the definitions that it points to, and without defaults that could not be passed."""
        if not self.problems:
            for part in (schema, *self._definitions.values()):
                self._check_defaults(part)
        return {**schema, "$defs": self._definitions} if self._definitions else schema

    def write(self, hint: Any, at: str) -> dict[str, Any]:
        """The schema of a type; what it cannot say is among the problems."""
        if self._depth >= _DEEPEST:
            return self._wrong(at, "is nested too deeply, or contains itself with no class in between")
        bare, description = bared(hint)
        self._depth += 1
        schema = self._write(bare, at)
        self._depth -= 1
        return {**schema, "description": description} if description else schema

    def fields(self, fields: Iterable[Field], at: Callable[[str], str]) -> dict[str, Any]:
        """The schema of an object that has these fields and no others."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        for field in fields:
            schema = self.write(field.hint, at(field.name))
            if field.description and "description" not in schema:
                schema["description"] = field.description
            if field.default is not NOT_SHOWN:
                _add_default(schema, field.default)
            if field.required:
                required.append(field.name)
            properties[field.name] = schema
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    # --- private -----------------------------------------------------------------------------------------------------------------

    def _wrong(self, at: str, message: str) -> dict[str, Any]:
        self.problems.append(Problem(at, message))
        return {}

    def _write(self, hint: Any, at: str) -> dict[str, Any]:
        if hint is Any:
            return {}
        if _is_one_of(hint, _SIMPLE):
            return {"type": _SIMPLE[hint]}
        origin, arguments = get_origin(hint) or hint, get_args(hint)
        if origin is Literal:
            return self._values(arguments, at)
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.write(argument, at) for argument in arguments]}
        if origin is tuple:
            return self._tuple(hint, arguments, at)
        if _is_one_of(origin, SETS) and arguments and (found := unhashable(arguments[0])) is not None:
            return self._wrong(f"{at}[]", f"is to be in a set, and has no hash because of {_name(found)}; use list")
        if _is_one_of(origin, ARRAYS):
            return {"type": "array", **({"items": self.write(arguments[0], f"{at}[]")} if arguments else {})}
        if _is_one_of(origin, OBJECTS):
            return self._mapping(arguments, at)
        if isinstance(origin, type) and issubclass(origin, enum.Enum):
            return self._values(tuple(origin), at)
        if is_class(origin):
            return self._class(hint, origin, at)
        return self._wrong(at, _no_counterpart(hint))

    def _check_defaults(self, schema: dict[str, Any]) -> None:
        """A default that is not of its type means something to the function only; the model would pass it, and be refused."""
        if "default" in schema:
            validator = validator_for({**schema, "$defs": self._definitions})
            if not validator.is_valid(schema["default"]):
                del schema["default"]
        for part in _parts(schema):
            self._check_defaults(part)

    def _values(self, values: tuple[Any, ...], at: str) -> dict[str, Any]:
        plain = [value.value if isinstance(value, enum.Enum) else value for value in values]
        odd = [value for value in plain if type(value) not in _SIMPLE]
        if odd or not plain:
            found = f"not {odd[0]!r}" if odd else "and at least one of them"
            return self._wrong(at, f"must have values that are text, numbers, bools or None, {found}")
        plain = list({(type(value), value): value for value in plain}.values())
        kinds = {_SIMPLE[type(value)] for value in plain}
        return {**({"type": kinds.pop()} if len(kinds) == 1 else {}), "enum": plain}

    def _tuple(self, hint: Any, arguments: tuple[Any, ...], at: str) -> dict[str, Any]:
        if hint is tuple or hint is typing.Tuple:  # noqa: UP006  -- whichever way it is written
            return {"type": "array"}
        if len(arguments) == 2 and arguments[1] is ...:
            return {"type": "array", "items": self.write(arguments[0], f"{at}[]")}
        items = [self.write(argument, f"{at}[{place}]") for place, argument in enumerate(arguments)]
        each = {"items": items[0]} if all(item == items[0] for item in items[1:]) and items else {"prefixItems": items}
        return {"type": "array", **(each if items else {}), "minItems": len(items), "maxItems": len(items)}

    def _mapping(self, arguments: tuple[Any, ...], at: str) -> dict[str, Any]:
        if not arguments:
            return {"type": "object", "additionalProperties": {}}
        keys, _ = bared(arguments[0])
        schema: dict[str, Any] = {"type": "object", "additionalProperties": self.write(arguments[1], f"{at}.*")}
        if keys is str or keys is Any:
            return schema
        names = self.write(keys, f"{at} (its keys)")
        if names.get("type") != "string":
            return self._wrong(at, f"has keys of the type {_name(keys)}; keys in JSON are text") if names else {}
        return {**schema, "propertyNames": names}

    def _class(self, hint: Any, kind: type, at: str) -> dict[str, Any]:
        if hint in self._open or hint in self._names:
            return {"$ref": f"#/$defs/{self._names.setdefault(hint, self._free_name(kind))}"}
        try:
            fields = fields_of(hint)
        except TypeError as exc:
            return self._wrong(at, str(exc))
        self._open.append(hint)
        schema = self.fields(fields, lambda name: f"{at}.{name}")
        self._open.pop()
        about = summary(_own_doc(kind))
        schema = {**schema, "description": about} if about else schema
        if hint not in self._names:
            return schema
        self._definitions[self._names[hint]] = schema
        return {"$ref": f"#/$defs/{self._names[hint]}"}

    def _free_name(self, kind: type) -> str:
        taken = self._names.values()
        names = (kind.__name__ if number == 1 else f"{kind.__name__}{number}" for number in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)


def fields_of(hint: Any) -> tuple[Field, ...]:
    """What the model may pass to make one of these.

    Raises:
        TypeError: the class does not say what its fields are.
    """
    kind = get_origin(hint) or hint
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception as exc:  # noqa: BLE001  -- an annotation can be any code
        raise TypeError(f"is a {_name(kind)}, which has an annotation that means nothing at run time: {exc}") from None
    filled = dict(zip(getattr(kind, "__parameters__", ()), get_args(hint), strict=False))
    found = tuple(_fields(kind, {name: _substituted(each, filled) for name, each in hints.items()}))
    wrong = _why_unmade(kind, found)
    if wrong:
        raise TypeError(f"is a {_name(kind)}, which cannot be made of its fields: {wrong}")
    untyped = [field.name for field in found if field.hint is None]
    if untyped:
        raise TypeError(f"is a {_name(kind)}, which has fields without a type: {', '.join(untyped)}")
    return found


def _why_unmade(kind: Any, fields: Iterable[Field]) -> str:
    """What its `__init__` has against being given its fields: one of its own may take others, or want more."""
    if typing.is_typeddict(kind):
        return ""
    try:
        signature = inspect.signature(kind)
        signature.bind(**dict.fromkeys(field.name for field in fields))
        signature.bind(**dict.fromkeys(field.name for field in fields if field.required))
    except TypeError as exc:
        return str(exc)
    except ValueError:  # it cannot be looked into
        return ""
    return ""


def _fields(kind: Any, hints: Mapping[str, Any]) -> Iterator[Field]:
    told = descriptions(_own_doc(kind))
    if typing.is_typeddict(kind):
        for name, hint in hints.items():
            asked = get_origin(hint)
            required = asked is Required or (asked is not NotRequired and name in kind.__required_keys__)
            yield Field(name, hint, told.get(name, ""), required)
        return
    fields: Iterable[Any] = attrs.fields(kind) if attrs.has(kind) else dataclasses.fields(kind)
    for field in fields:
        if field.init:
            name = getattr(field, "alias", None) or field.name
            hint = hints.get(field.name, field.type)
            yield Field(name, hint, told.get(field.name, ""), *_default_of(field))


def _default_of(field: Any) -> tuple[bool, Any]:
    """Whether a field must be given, and its default where that is a plain value."""
    factory = getattr(field, "default_factory", dataclasses.MISSING)
    of_attrs = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]  # a class that is typed as a function
    made = of_attrs or factory is not dataclasses.MISSING
    if made:
        return False, NOT_SHOWN
    if field.default is attrs.NOTHING or field.default is dataclasses.MISSING:
        return True, NOT_SHOWN
    return False, field.default


def _substituted(hint: Any, filled: Mapping[Any, Any]) -> Any:
    """The type with a generic class's parameters filled in."""
    if isinstance(hint, TypeVar):
        return filled.get(hint, hint)
    open_ones = getattr(hint, "__parameters__", ())
    if not open_ones or isinstance(hint, type):
        return hint
    return hint[tuple(filled.get(each, each) for each in open_ones)]


def _own_doc(kind: type) -> str:
    """What the author wrote about the class; a dataclass without a docstring gets its signature for one."""
    doc = kind.__doc__ or ""
    return "" if doc.startswith(f"{kind.__name__}(") else inspect.cleandoc(doc)


def _add_default(schema: dict[str, Any], default: Any) -> None:
    """Show the default where it can be said in JSON. A None that could not be passed only means that something may be left out."""
    if default is None and not _takes_null(schema):
        return
    try:
        schema["default"] = as_data(default)
    except SpecError:
        return


def _parts(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas in a schema."""
    yield from schema.get("properties", {}).values()
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield schema[word]
    for word in ("anyOf", "prefixItems"):
        yield from schema.get(word, ())


def _takes_null(schema: Mapping[str, Any]) -> bool:
    arms = [schema, *schema.get("anyOf", ())]
    return any(
        arm.get("type") == "null" or None in arm.get("enum", ()) or not arm.keys() - {"description"} for arm in arms
    )


def _is_one_of(hint: Any, found: Iterable[Any]) -> bool:
    """Whether it is one of these very types; a hint may be something that has no hash."""
    return any(hint is each for each in found)


def _name(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else repr(hint)


def _no_counterpart(hint: Any) -> str:
    return (
        f"has the type {_name(hint)}, which has no counterpart in JSON; use str, int, float, bool, None, list, dict, Literal, an Enum, "
        "a TypedDict, an attrs class or a dataclass"
    )
