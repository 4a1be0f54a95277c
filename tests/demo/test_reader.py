"""The tools: real functions on real files."""

from __future__ import annotations

import json

import pytest

import agentsup
from agentsup.demo import reader as room
from agentsup.demo.folder import Folder


def test_list_files(reader):
    """A folder's files and those below, shown so that they can be said."""
    assert reader.list_files("sub") == ["sub/deep/deeper/long.txt", "sub/ünï.txt"]
    assert "new\\nline.txt" in reader.list_files()
    assert reader.list_files("nothing") == []


def test_list_files_is_bounded(reader, monkeypatch):
    """A long list ends with how much longer it is."""
    monkeypatch.setattr(room, "MOST_NAMES", 2)

    assert reader.list_files() == ['"quoted\\\\".txt'.replace("\\\\", "\\"), "binary.dat", "and 10 more"]


@pytest.mark.parametrize(
    ("name", "count"),
    [("empty.txt", 0), ("no-newline.txt", 1), ("new\nline.txt", 2), ("sub/deep/deeper/long.txt", 5000), ("inlink", 0)],
)
def test_count_lines(reader, name, count):
    """Lines are counted as an editor counts them: the last one needs no newline."""
    assert reader.count_lines(name) == count


def test_read_file(reader):
    """The beginning of a text; what is no UTF-8 is replaced, and what is no text is said not to be."""
    assert reader.read_file("no-newline.txt") == "the end"
    assert reader.read_file("empty.txt") == ""
    assert reader.read_file("latin.txt") == "the \ufffd\n"
    assert reader.read_file("binary.dat") == "binary.dat is a binary file"
    assert reader.read_file("huge.bin") == "huge.bin is a binary file"
    assert len(reader.read_file("sub/deep/deeper/long.txt")) == room.MOST_CHARACTERS


def test_search(reader):
    """Places as path:line, in order, up to a bound."""
    hits = reader.search("the", "sub")

    assert hits[0] == "sub/deep/deeper/long.txt:1"
    assert (len(hits), hits[-1]) == (room.MOST_HITS + 1, "and more")
    assert reader.search("ü", "sub") == ["sub/ünï.txt:1"]
    assert reader.search("nowhere to be found") == []


@pytest.mark.parametrize("call", [("read_file", "out"), ("count_lines", "outdir/secret.txt"), ("list_files", "outdir")])
def test_no_tool_gets_out(reader, call):
    """Every tool refuses a path that leads out of the folder, and says nothing of what is there."""
    name, path = call

    with pytest.raises(agentsup.ToolError, match="is outside the folder"):
        getattr(reader, name)(path)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("count_lines", "huge.bin"), "huge.bin is too large: lines are counted up to 32 MiB"),
        (("read_file", "pipe"), "pipe is not a file that can be read"),
        (("read_file", "sub"), "sub is not a file that can be read"),
        (("list_files", "empty.txt"), "empty.txt is a file, not a folder"),
        (("search", ""), "the text to look for must not be empty"),
    ],
)
def test_refusals(reader, call, told):
    """What cannot be done is a tool's error that says why; nothing hangs on a pipe, and nothing reads three gigabytes."""
    name, argument = call

    with pytest.raises(agentsup.ToolError) as caught:
        getattr(reader, name)(argument)

    assert str(caught.value) == told


def test_unreadable_file(tmp_path, monkeypatch):
    """A file that may not be read is a tool's error for who reads it, and no hit for who searches."""
    (tmp_path / "locked.txt").write_text("the\n")
    reader = room.Reader(Folder.at(tmp_path))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)

    with pytest.raises(agentsup.ToolError, match=r"locked.txt cannot be read: Permission denied"):
        reader.read_file("locked.txt")
    assert reader.search("the") == []


def test_as_tools(reader):
    """The model is told of four tools, each of which may run twice."""
    tools = {tool.name: tool.spec for tool in reader.tools()}

    assert list(tools) == ["list_files", "read_file", "count_lines", "search"]
    assert {spec.effect for spec in tools.values()} == {"pure"}
    assert tools["read_file"].input_schema["required"] == ["path"]
    json.dumps([spec.input_schema for spec in tools.values()])
