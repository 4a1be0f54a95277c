"""Which files there are to ask about, and that nobody gets out of the folder."""

from __future__ import annotations

import pytest

import agentsup
from agentsup.demo import folder as room
from agentsup.demo.folder import Folder, shown


def test_files_to_ask_about(odd):
    """Regular files below the folder in order; hidden, unsayable and outside ones are left out, links within it are not followed twice."""
    assert odd.files() == (
        '"quoted\\".txt',
        "binary.dat",
        "empty.txt",
        "esc\x1b[31m.txt",
        "huge.bin",
        "inlink",
        "latin.txt",
        "new\nline.txt",
        "no-newline.txt",
        "sub/deep/deeper/long.txt",
        "sub/ünï.txt",
        "with space/{results}.txt",
    )


def test_bound(odd, monkeypatch):
    """A folder without end is asked about to a bound, always the same files."""
    monkeypatch.setattr(room, "MOST_FILES", 3)

    assert odd.files() == ('"quoted\\".txt', "binary.dat", "empty.txt")


@pytest.mark.parametrize("name", ["out", "outdir", "outdir/secret.txt", "..", "../outside/secret.txt", "/etc/passwd"])
def test_no_way_out(odd, name):
    """No name leads out of the folder: not up, not absolute, not by a link."""
    with pytest.raises(agentsup.ToolError, match="is outside the folder"):
        odd.inside(name)


@pytest.mark.parametrize("name", ["nowhere", "dangling", "itself", "empty.txt/x", "nul\0", "x" * 5000])
def test_what_is_not_there(odd, name):
    """A name nothing answers to is a tool's error, whatever is odd about it."""
    with pytest.raises(agentsup.ToolError, match="there is no"):
        odd.inside(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing", "FOLDER: must exist, and there is no"),
        ("file", "FOLDER: must be a folder, and"),
        ("empty", "FOLDER: must have files to ask about, and"),
        ("onlyhidden", "FOLDER: must have files to ask about, and"),
        ("loop", "FOLDER: must be readable, and"),
        ("nul\0", "FOLDER: must be readable, and"),
    ],
)
def test_no_folder(tmp_path, name, told):
    """What is no folder, or has nothing to ask about, is refused in one sentence that names it."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "onlyhidden").mkdir()
    (tmp_path / "onlyhidden" / ".x").write_text("x")
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(agentsup.SpecError) as caught:
        Folder.at(tmp_path / name)

    assert str(caught.value).startswith(told)
    assert shown(name) in str(caught.value)


def test_shown():
    """A name is shown in one line whatever is in it."""
    assert shown("a\n\x1b\u2028\udcff ü") == "a\\n\\x1b\\u2028\\udcff ü"
