"""The arguments of a call: checked against the tool's schema before the tool runs, then made into what its annotations say."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import cattrs

from agentsup.errors import Problem, SpecError
from agentsup.session.structure import hook_for
from agentsup.session.validator import validator_for
from agentsup.session.violations import path_text, violations


class Arguments:
    """Everything there is to know about what may be passed to one tool; made once per tool."""

    def __init__(self, schema: Mapping[str, Any], hints: Mapping[str, Any], *, at: str = "") -> None:
        """Compile it.

        Args:
            schema: The schema of all arguments together.
            hints: The types of those that are made into something else; what is not in it is passed as it came.
            at: What the tool is called in the problems.

        Raises:
            SpecError: a type cannot be made from JSON.
        """
        self._validator = validator_for(schema)
        self._hooks: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {}
        problems = []
        for name, hint in hints.items():
            try:
                self._hooks[name] = (hook_for(hint), hint)
            except Exception as exc:  # noqa: BLE001  -- the user's classes, looked at by a library
                problems.append(Problem(f"{at}({name})", f"cannot be made from JSON: {exc}"))
        if problems:
            raise SpecError(problems)

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function wants them; nothing in them is shared with what was given.

        Raises:
            SpecError: they violate the schema, or one of the user's classes refuses them; every wrong argument is named with its path.
        """
        try:
            data = copy.deepcopy(dict(given))
            problems = violations(self._validator, data)
        except RecursionError:
            raise SpecError.of("", "they are nested too deeply") from None
        if problems:
            raise SpecError(problems)
        made = {}
        for name, value in data.items():
            hook, hint = self._hooks.get(name, (None, None))
            try:
                made[name] = value if hook is None else hook(value, hint)
            except Exception as exc:  # noqa: BLE001  -- validators and converters of the user's classes
                problems += _refusals(exc, (name,))
        if problems:
            raise SpecError(problems)
        return made


def _refusals(exc: BaseException, at: tuple[str | int, ...]) -> Iterator[Problem]:
    """What a class of the user's said against its values, with the place of each."""
    if isinstance(exc, cattrs.BaseValidationError):
        for each in exc.exceptions:
            notes = getattr(each, "__notes__", ())
            steps = [
                note.name if isinstance(note, cattrs.AttributeValidationNote) else note.index
                for note in notes
                if isinstance(note, cattrs.AttributeValidationNote | cattrs.IterableValidationNote)
            ]
            yield from _refusals(each, (*at, *steps[:1]))
    elif len(exc.args) > 1 and isinstance(
        exc.args[1], attrs.Attribute
    ):  # a validator of attrs: its words, and the field
        field = exc.args[1]
        yield Problem(path_text((*at, field.alias or field.name)), f"is refused: {exc.args[0]}")
    else:
        yield Problem(path_text(at), f"is refused: {type(exc).__name__}: {exc}")
