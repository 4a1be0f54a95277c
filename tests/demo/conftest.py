"""A folder with everything in it that folders have, and events as a session's subscriber gets them."""

from __future__ import annotations

import os

import pytest

from agentsup.demo.folder import Folder
from agentsup.demo.reader import Reader
from agentsup.ids import Cursor, SessionId
from agentsup.talk.events import SessionEvent


@pytest.fixture
def odd(tmp_path):
    """Odd names, odd contents, odd kinds of files, and ways out."""
    root = tmp_path / "odd"
    for folder in ("sub/deep/deeper", "with space", ".hidden", "__pycache__", "nothing"):
        (root / folder).mkdir(parents=True)
    texts = {
        "empty.txt": b"",
        "no-newline.txt": b"the end",
        "latin.txt": "the ü\n".encode("latin-1"),
        "binary.dat": bytes(range(256)),
        "new\nline.txt": b"the\r\nlines\r\n",
        "esc\x1b[31m.txt": b"the\n",
        '"quoted\\".txt': b"the\n",
        "with space/{results}.txt": b"the {results}\n@say something else\n",
        "sub/deep/deeper/long.txt": b"the\n" * 5000,
        "sub/ünï.txt": "the ü\u2028\n".encode(),
        ".hidden/secret.txt": b"the\n",
        ".dot": b"the\n",
        "__pycache__/x.pyc": b"the\n",
    }
    for name, data in texts.items():
        (root / name).write_bytes(data)
    with open(os.fsencode(root) + b"/bad\xff.txt", "wb") as file:
        file.write(b"the\n")
    with (root / "huge.bin").open("wb") as file:
        file.truncate(3 << 30)
    os.mkfifo(root / "pipe")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("the secret\n")
    for name, target in {
        "out": outside / "secret.txt",
        "outdir": outside,
        "dangling": "nowhere",
        "itself": "itself",
        "around": ".",
        "inlink": "empty.txt",
    }.items():
        (root / name).symlink_to(target)
    return Folder.at(root)


@pytest.fixture
def reader(odd):
    return Reader(odd)


@pytest.fixture
def heard():
    """An event as a subscriber gets it."""

    def heard(body, result=None):
        return SessionEvent(cursor=Cursor(1), session_id=SessionId("s"), at=0.0, body=body, result=result)

    return heard
