"""What is wrong with a JSON value under a schema, in words a model can act on: where, what is there, what would be right.

The values themselves are not repeated: they are the content of a conversation, and as long as the model likes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from agentsup.errors import Problem

MOST = 20
"""Problems that are told of one value; who has made more mistakes than that made one of them many times."""

_KINDS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
}
_BOUNDS = {
    "minItems": "must have at least {} items, not {}",
    "maxItems": "must have at most {} items, not {}",
    "minLength": "must have at least {} characters, not {}",
    "maxLength": "must have at most {} characters, not {}",
    "minProperties": "must have at least {} entries, not {}",
    "maxProperties": "must have at most {} entries, not {}",
}
_LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "pattern": "must match the pattern {}",
    "const": "must be {}",
    "format": "must be a valid {}",
}


def violations(validator: Validator, value: Any) -> list[Problem]:
    """Everything that is wrong with the value, each place once; none if it is valid."""
    found: dict[Problem, None] = {}
    for error in islice(validator.iter_errors(value), 5 * MOST):
        found.update(dict.fromkeys(islice(_problems(error), MOST + 1)))
        if len(found) > MOST:
            return [*islice(found, MOST), Problem("", "and more of that kind")]
    return list(found)


def _problems(error: ValidationError) -> Iterator[Problem]:
    at = path_text(error.absolute_path)
    given: Any = error.instance
    wanted: Any = error.validator_value
    match error.validator:
        case "required":
            yield from (Problem(_below(at, name), "is missing") for name in wanted if name not in given)
        case "additionalProperties" | "unevaluatedProperties" if wanted is False:
            yield from _unknown(error, at)
        case "anyOf" | "oneOf" if error.context:
            yield from _of_arms(error, at)
        case "type" if isinstance(error.schema, Mapping) and "enum" in error.schema:
            return  # what the possible values are says more
        case _ if _is_about_a_key(error):
            yield Problem(_below(at, given), f"is not a possible name; a name {_message(error)}")
        case _:
            yield Problem(at, _message(error))


def _is_about_a_key(error: ValidationError) -> bool:
    """Whether what is wrong is the name of an entry, and not an entry of that name."""
    before, keyword = [None, None, *error.absolute_schema_path][-3:-1]
    return keyword == "propertyNames" and before != "properties"


def _unknown(error: ValidationError, at: str) -> Iterator[Problem]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    told = f"the known names are {_listed(known)}" if known else "there is nothing to be passed here"
    given: Any = error.instance
    for name in given:
        if name not in known:
            yield Problem(_below(at, name), f"is not known; {told}")


def _of_arms(error: ValidationError, at: str) -> Iterator[Problem]:
    """Of several schemas none is met: told is what is wrong with the one that was probably meant."""
    arms: dict[Any, list[ValidationError]] = {}
    for each in error.context or ():
        arms.setdefault(each.schema_path[0], []).append(each)
    meant = [errors for errors in arms.values() if not any(_is_of_other_kind(each) for each in errors)]
    if meant:
        for each in min(meant, key=len):
            yield from _problems(each)
    else:
        kinds = [
            kind for errors in arms.values() for each in errors if _is_of_other_kind(each) for kind in _kinds_of(each)
        ]
        yield Problem(at, f"must be {_or(dict.fromkeys(kinds))}, not {_kind(error.instance)}")


def _is_of_other_kind(error: ValidationError) -> bool:
    return error.validator == "type" and not error.relative_path


def _kinds_of(error: ValidationError) -> list[str]:
    wanted: Any = error.validator_value
    return [_KINDS.get(kind, kind) for kind in ([wanted] if isinstance(wanted, str) else wanted)]


def _message(error: ValidationError) -> str:
    keyword = str(error.validator)
    given: Any = error.instance
    wanted: Any = error.validator_value
    if keyword == "type":
        return f"must be {_or(_kinds_of(error))}, not {_kind(given)}"
    if keyword == "enum":
        return f"must be one of {_listed(wanted)}"
    if keyword in _BOUNDS:
        return _BOUNDS[keyword].format(wanted, len(given))
    if keyword in _LIMITS:
        return _LIMITS[keyword].format(_short(wanted))
    if keyword == "uniqueItems":
        return "must not have an item twice"
    return f"must satisfy {keyword}: {_short(wanted)}"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"


def path_text(path: Sequence[str | int] | Any) -> str:
    """A path as people write it: `lines[0].price`."""
    text = ""
    for step in path:
        text = f"{text}[{step}]" if isinstance(step, int) else _below(text, step)
    return text


def _below(at: str, name: str) -> str:
    name = name if len(name) <= 80 else f"{name[:80]}..."
    return f"{at}.{name}" if at else name


def _or(words: Sequence[str] | Mapping[str, None]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _listed(values: Any) -> str:
    listed = list(values)
    shown = ", ".join(_short(value) for value in listed[:MOST])
    return shown if len(listed) <= MOST else f"{shown} and {len(listed) - MOST} more"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:200]}..."
