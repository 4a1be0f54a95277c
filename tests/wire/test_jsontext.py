"""The fast reader reads exactly what the standard library reads, whether it is there or not."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup.wire.jsontext import _fast_loads, kind_of, plain_loads
from tests.kit.strategies import JSON

fast = _fast_loads()


def outcome(reader, data):
    """The value, told apart to the last bit, or that there is none."""
    try:
        return repr(reader(data))
    except (ValueError, RecursionError):
        return ValueError


@pytest.mark.parametrize(
    "text",
    [
        "123456789012345678901234567890",
        '{"input": {"n": -9223372036854775809}}',
        "18446744073709551616",
        "9223372036854775808",
        "1e400",
        "-1e400",
        "NaN",
        "[Infinity, -Infinity]",
        '"\\ud800"',
        '"\\ud83d\\ude42"',
        "-0",
        "-0.0",
        '{"a": 1, "a": 2}',
        "[1,]",
        "{",
        "",
        "01",
        "1" * 400 + ".5",
        "\ufeff1",
        "[" * 2000 + "]" * 2000,
    ],
)
def test_odd_texts(text):
    """Whatever one of them takes, the other takes, and as the same value."""
    assert outcome(fast, text.encode()) == outcome(plain_loads, text.encode())


@given(JSON)
def test_any_json(value):
    """The same for any JSON."""
    data = json.dumps(value).encode()

    assert outcome(fast, data) == outcome(plain_loads, data)


@given(st.binary(max_size=30))
def test_any_bytes(data):
    """And for what is none; bytes that are no UTF-8 are replaced in strings."""
    assert outcome(fast, data) == outcome(plain_loads, data)
    quoted = b'"' + data.replace(b'"', b"").replace(b"\\", b"") + b'"'
    assert outcome(fast, quoted) == outcome(plain_loads, quoted)


def test_without_orjson(monkeypatch):
    """Where it is not installed the standard library reads."""
    monkeypatch.setitem(sys.modules, "orjson", None)

    assert _fast_loads() is None


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("", "a string"),
        (True, "true or false"),
        (1, "an integer"),
        (1.5, "a number"),
        ([], "a list"),
        ({}, "an object"),
    ],
)
def test_kinds_in_words(value, word):
    """What a complaint says instead of the value."""
    assert kind_of(value) == word
    assert (kind_of(None), kind_of(object())) == ("null", "no JSON")
