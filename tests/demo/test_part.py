"""How a folder is parted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentsup.demo.part import partition

NAMES = st.lists(
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=4).map(lambda steps: "/".join([*steps, "file"])),
    min_size=1,
    max_size=60,
    unique=True,
).map(lambda names: tuple(sorted(names, key=lambda name: name.split("/"))))


@given(NAMES, st.integers(1, 20))
def test_every_file_is_in_one_part(files, count):
    """The parts are as many as asked for, and together are the files, each once and in order; with fewer files the parts repeat."""
    parts = partition(files, count)
    distinct = list(dict.fromkeys(parts))

    assert len(parts) == count
    assert len(distinct) == min(count, len(files))
    assert tuple(name for part in distinct for name in part.files) == files


@given(NAMES, st.integers(1, 20))
def test_a_part_lies_in_its_folder(files, count):
    """A part's folder has all its files, and is whole only if it has no others."""
    for part in partition(files, count):
        within = [name for name in files if part.folder == "." or name.startswith(f"{part.folder}/")]

        assert set(part.files) <= set(within)
        assert part.is_whole == (len(part.files) == len(within))


def test_along_the_folders():
    """A folder becomes a part of its own as long as there are parts enough; neighbours share one otherwise."""
    files = ("a/1", "a/2", "a/3", "b", "c/1", "c/2", "d")

    assert [part.title for part in partition(files, 1)] == ["the whole folder"]
    assert [part.title for part in partition(files, 3)] == ["a/", "b .. c/", "d"]
    assert [part.title for part in partition(files, 5)] == ["a/1 .. 2", "a/3", "b", "c/", "d"]


def test_titles_are_one_line():
    """Whatever the names are, a part is called something that can be shown in a table and said in a line."""
    (part,) = partition(("x\ny/a\x1b", "x\ny/b"), 1)

    assert part.title == "x\\ny/"
