"""What providers say of files, and what is made of nonsense."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup.talk.artifact import Artifact, newest_by_name
from agentsup.wire.agentcore.files import Listed, listed
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.managed.files import epoch, file_of
from tests.kit.strategies import JSON

ROW = {
    "id": "file_1",
    "type": "file",
    "filename": "a.csv",
    "mime_type": "text/csv",
    "size_bytes": 3,
    "created_at": "2026-11-21T06:30:00Z",
    "downloadable": True,
}


def test_a_row_is_a_file():
    """By name, size, id and time; verbatim beside it."""
    assert file_of(ROW) == Artifact(name="a.csv", size=3, ref="file_1", created_at=epoch(ROW["created_at"]))
    assert file_of(ROW).raw is ROW
    assert not file_of({**ROW, "downloadable": False}).retrievable
    assert file_of({**ROW, "downloadable": None}).retrievable


@given(row=JSON | st.dictionaries(st.sampled_from(sorted(ROW)), JSON))
def test_any_row_is_a_file_or_none(row):
    """Never an error: a list is not lost for one row of it."""
    found = file_of(row)

    assert found is None or isinstance(found.name, str)
    assert found is None or isinstance(hash((found.name, found.ref, found.size, found.created_at)), int)


@pytest.mark.parametrize("stamp", ["", "yesterday", None, 7, "9999-99-99T00:00:00Z"])
def test_what_is_no_time_is_the_oldest(stamp):
    """And nothing breaks for it."""
    assert epoch(stamp) == 0.0


def test_what_the_command_prints():
    """Name, size, time of change."""
    assert listed('[["a.csv", 3, 17.5]]\n') == [Listed("a.csv", 3, 17.5)]
    assert listed("[]") == []


@given(value=JSON)
def test_anything_else_is_their_fault(value):
    """Whatever a command prints, it is files or an error of ours."""
    try:
        found = listed(json.dumps(value))
    except RemoteProtocolError:
        return
    assert all(isinstance(file, Listed) for file in found)


@given(
    st.lists(
        st.builds(
            Artifact,
            name=st.sampled_from("abc"),
            size=st.just(1),
            ref=st.integers().map(str),
            created_at=st.floats(0, 9),
            retrievable=st.booleans(),
        )
    )
)
def test_one_for_each_name(entries):
    """The newest of those that can be fetched, if any can be; all in order of age."""
    chosen = newest_by_name(entries)

    assert [each.name for each in chosen] == list(dict.fromkeys(each.name for each in chosen))
    assert {each.name for each in chosen} == {each.name for each in entries}
    for each in chosen:
        same = [other for other in entries if other.name == each.name]
        fetchable = [other for other in same if other.retrievable]
        assert each.created_at == max(other.created_at for other in fetchable or same)
    assert [each.created_at for each in chosen] == sorted((each.created_at for each in chosen), reverse=True)
