"""Equal content has one digest, and its name carries all of it."""

from __future__ import annotations

import enum
import json
import os
import re
import subprocess
import sys
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup import AgentSpec, EnvironmentSpec
from agentsup.provisioning import NameRule
from agentsup.provisioning.canonical import DIGEST_CHARS, digest_of, plain
from agentsup.provisioning.models import bare_model

FREE = NameRule(256)
HARNESS = NameRule(40, "A-Za-z0-9_")
DIGEST = "0123456789abcdef"


class Level(enum.Enum):
    LOW = "low"


class Key(enum.StrEnum):
    EFFORT = "effort"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 2**63, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
bases = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=300)


def canonical(value):
    problems = []
    found = plain(value, "it", problems)
    assert problems == []
    return found


def shuffled(value):
    """The same, said in another order and with other types."""
    if isinstance(value, dict):
        return MappingProxyType({key: shuffled(value[key]) for key in reversed(list(value))})
    if isinstance(value, list):
        return tuple(shuffled(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    return value


# --- digests -----------------------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_a_digest_does_not_depend_on_how_it_is_said(content):
    """Order of keys, tuples for lists, floats for integers: one content, one digest."""
    assert digest_of("x", canonical(content)) == digest_of("x", canonical(shuffled(content)))


@given(json_values, json_values)
def test_other_content_has_another_digest(one, other):
    """Whatever JSON tells apart, digests do."""
    same = json.dumps(canonical(one), sort_keys=True) == json.dumps(canonical(other), sort_keys=True)

    assert (digest_of("x", {"it": canonical(one)}) == digest_of("x", {"it": canonical(other)})) == same


@given(json_values)
def test_plain_data_stays_as_it_is(value):
    """What is plain already is said the same again."""
    once = canonical(value)

    assert canonical(once) == once


def test_enums_count_as_their_values():
    """As keys and as values."""
    assert canonical({Key.EFFORT: Level.LOW}) == canonical({"effort": "low"})


def test_what_json_cannot_say_is_named_with_its_path():
    """All of it at once."""
    circle = []
    circle.append(circle)
    problems = []

    plain({"a": [1, {2, 3}], 5: 1, "b": float("nan"), "c": b"x", "d": 10**5000, "e": circle}, "extra", problems)

    told = [problem.path for problem in problems]
    assert told[:5] == ["extra.a[1]", "extra", "extra.b", "extra.c", "extra.d"]
    assert told[5].startswith("extra.e[0][0]")


def test_the_kind_is_part_of_the_digest():
    """An agent and an environment with nothing in them are two things."""
    assert AgentSpec(name="x").digest != EnvironmentSpec(name="x").digest


def test_digests_are_the_same_in_every_process():
    """Known values: a change here makes everybody's agents anew. Another process, with other hash seeds, agrees."""
    agent = AgentSpec(
        name="desk",
        system_prompt="Be kind.",
        model="anthropic:claude-x",
        tools=[{"name": "look", "description": "Look.", "input_schema": {"type": "object", "properties": {}}}],
    )
    code = (
        "import agentsup; print(agentsup.AgentSpec(name='other', system_prompt='Be kind.', model='claude-x', tools=[{'input_schema': "
        "{'properties': {}, 'type': 'object'}, 'description': 'Look.', 'name': 'look'}]).digest)"
    )

    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )

    assert agent.digest == "822a45e5822115db"
    assert EnvironmentSpec().digest == "bf48565a811dd41c"
    assert other.stdout.strip() == agent.digest


# --- names -------------------------------------------------------------------------------------------------------------------------


@given(bases)
def test_a_name_under_strict_rules(base):
    """Letters, digits and underscores, a letter first, forty of them: and the whole digest at its end."""
    name = HARNESS.compose(base, DIGEST)

    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name)
    assert name.endswith(f"_{DIGEST}")
    assert HARNESS.digest_in(name, base) == DIGEST


@given(bases, bases)
def test_two_bases_never_share_a_name(one, other):
    """Also where the rules make them look alike."""
    assert (HARNESS.compose(one, DIGEST) == HARNESS.compose(other, DIGEST)) == (one == other)


@pytest.mark.parametrize(
    "pair", [("my agent", "my_agent"), ("my agent", "my-agent"), ("x" * 50, "x" * 51), ("1a", "n_1a")]
)
def test_bases_that_look_alike_under_the_rules(pair):
    """Each of these would be the other without the mark."""
    assert HARNESS.compose(pair[0], DIGEST) != HARNESS.compose(pair[1], DIGEST)


def test_a_base_that_fits_stays_as_it_is():
    """People recognise what they wrote."""
    assert HARNESS.compose("desk_2", DIGEST) == f"desk_2_{DIGEST}"
    assert FREE.compose("Help desk, 2nd floor", DIGEST) == f"Help desk, 2nd floor_{DIGEST}"


@pytest.mark.parametrize(
    "name",
    [
        "desk",
        "desk_",
        f"desk{DIGEST}",
        f"desk_{DIGEST[:-1]}",
        f"desk_{DIGEST}0",
        f"desk_{DIGEST.upper()}",
        f"desk_extra_{DIGEST}",
        f"other_desk_{DIGEST}",
        f"desk_{DIGEST}_{DIGEST}",
        f"desk_{DIGEST}\n",
        DIGEST,
        "",
    ],
)
def test_only_a_whole_digest_makes_a_member(name):
    """What merely looks like one of the base's is somebody else's."""
    assert FREE.digest_in(name, "desk") is None


@given(bases)
def test_a_base_that_is_a_name_itself(base):
    """A base may end in something like a digest; members are told apart all the same."""
    inner = FREE.compose(base[:200], DIGEST)

    assert FREE.digest_in(FREE.compose(inner, DIGEST[::-1]), base[:200]) is None
    assert FREE.digest_in(FREE.compose(inner, DIGEST[::-1]), inner) == DIGEST[::-1]


@pytest.mark.parametrize("base", ["", "  ", "a\nb", "a\x00", "\ud800", "é" * 120, 7])
def test_bases_that_are_refused(base):
    """Blank, with control characters or half characters, or too long for the digest to fit behind it whole."""
    assert [problem.path for problem in FREE.problems(base, "agent.name")] == ["agent.name"]


def test_the_longest_base_that_fits():
    """Counted in bytes, digest included."""
    longest = "x" * (256 - DIGEST_CHARS - 1)

    assert list(FREE.problems(longest, "name")) == []
    assert len(FREE.compose(longest, DIGEST)) == 256
    assert list(FREE.problems(longest + "x", "name")) != []


# --- models ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "bare"),
    [
        ("claude-x", "claude-x"),
        ("anthropic:claude-x", "claude-x"),
        ("anthropic/claude-x", "claude-x"),
        ("Anthropic: claude-x ", "claude-x"),
        ("bedrock:amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("us.anthropic.claude-x-v1:0", "us.anthropic.claude-x-v1:0"),
        ("arn:aws:bedrock:us-east-1::foundation-model/x", "arn:aws:bedrock:us-east-1::foundation-model/x"),
        ("my-proxy/claude-x", "my-proxy/claude-x"),
        ("anthropic:", "anthropic:"),
    ],
)
def test_model_ids(said, bare):
    """A known prefix goes, everything else stays; in text and in mappings."""
    assert bare_model(said) == bare
    assert AgentSpec(name="x", model=said).model == bare
    assert AgentSpec(name="x", model={"id": said, "effort": "low"}).model == {"id": bare, "effort": "low"}
    assert AgentSpec(name="x", model=said).digest == AgentSpec(name="y", model=bare).digest


@given(st.text())
def test_a_bare_model_id_stays_bare(model):
    """Doing it twice changes nothing more."""
    assert bare_model(bare_model(model)) == bare_model(model)
