"""The one cattrs converter for what others say: their JSON as our frozen values.

Lenient where the service may change: fields we do not know stay in `raw`, words we do not know are carried, and what is left out or null
has the field's own default. Strict where we would lie: a value of another kind than the field's is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.jsontext import kind_of

T = TypeVar("T")

Raw = Mapping[str, Any]


def read_as(cls: type[T], data: object) -> T:
    """The JSON object as a value of the class; its `raw`, if it has one, is the object itself.

    Raises:
        RemoteProtocolError: it is no such thing; every wrong field is named, no value is quoted.
    """
    try:
        return _CONVERTER.structure(data, cls)
    except Exception as exc:  # noqa: BLE001  -- whatever a hook raises: cattrs gathers them, and the caller is told where
        faults = "; ".join(cattrs.transform_error(exc, format_exception=_wanted))
        raise RemoteProtocolError(f"this is no {cls.__name__}: {faults}") from None


def _wanted(exc: BaseException, _: type | None) -> str:
    match exc:
        case KeyError():
            return "is missing"
        case WrongKindError():
            return str(exc)
    return "cannot be read"


class WrongKindError(TypeError):
    """A value of another JSON kind than its field's."""

    def __init__(self, wanted: str, value: object) -> None:
        super().__init__(f"must be {wanted}, is {kind_of(value)}")


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for kind, kinds, wanted in (
        (str, str, "a string"),
        (bool, bool, "true or false"),
        (int, int, "an integer"),
        (float, int | float, "a number"),
    ):
        converter.register_structure_hook(kind, _exactly(kinds, wanted))
    converter.register_structure_hook_func(_is_raw, _exactly(dict, "an object"))
    converter.register_structure_hook_factory(attrs.has, lambda cls: _object(cls, converter))
    return converter


def _is_raw(kind: Any) -> bool:
    return kind in (Raw, Mapping[str, str])


def _exactly(kinds: Any, wanted: str) -> Callable[[Any, Any], Any]:
    """A hook that takes values of these kinds as they are; true and false are no numbers."""

    def hook(value: Any, kind: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
            raise WrongKindError(wanted, value)
        return value

    return hook


def _object(cls: type[Any], converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    fields = make_dict_structure_fn(cls, converter)
    keeps_raw = "raw" in attrs.fields_dict(cls)

    def hook(data: Any, kind: Any) -> Any:
        if not isinstance(data, dict):
            raise WrongKindError("an object", data)
        said = {name: value for name, value in data.items() if value is not None}
        if keeps_raw:
            said["raw"] = data
        return fields(said, kind)

    return hook


_CONVERTER = _converter()
