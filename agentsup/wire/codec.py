"""The one cattrs converter: how our values look as JSON."""

from __future__ import annotations

import json
from typing import Any

import cattrs
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.preconf.json import make_converter

from agentsup.talk.result import SessionResult


def _converter() -> cattrs.Converter:
    """Values as JSON objects with the fields' own names; what is verbatim stays verbatim."""
    converter = make_converter()
    # Events are kept as the text that they came as, and are told as what they say.
    fields = make_dict_unstructure_fn(SessionResult, converter, _events=override(omit=True))
    converter.register_unstructure_hook(
        SessionResult, lambda result: {**fields(result), "events": [dict(event) for event in result.events]}
    )
    return converter


_CONVERTER = _converter()


def result_as_json(result: SessionResult) -> str:
    """A `SessionResult` as one line of JSON."""
    return json.dumps(as_json(result), ensure_ascii=False, separators=(",", ":"))


def as_json(value: Any) -> Any:
    """Any of our values as plain JSON data."""
    return _CONVERTER.unstructure(value)
