"""The tools of the demo: real functions on real files of one folder. All of them only read, so each may run twice."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

import attrs

from agentsup.demo.folder import Folder, shown
from agentsup.session.errors import ToolError
from agentsup.session.tool import Tool, tool

MOST_NAMES: Final = 200
"""Names that `list_files` tells; then it says how many more there are."""

MOST_CHARACTERS: Final = 1200
"""Characters that `read_file` returns."""

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of a file whose lines are counted; reading more takes longer than somebody who watches a demo waits."""

MOST_HITS: Final = 20
"""Places that `search` tells."""

MOST_SEARCHED: Final = 100
"""Files that `search` looks into."""

MOST_SEARCHED_BYTES: Final = 1024 * 1024
"""Of each of them."""


@attrs.frozen
class Reader:
    """Reads a folder, and never gets out of it."""

    folder: Folder

    def tools(self) -> tuple[Tool, ...]:
        """Its methods as tools."""
        pure = tool(effect="pure")
        return (pure(self.list_files), pure(self.read_file), pure(self.count_lines), pure(self.search))

    def list_files(self, folder: str = ".") -> list[str]:
        """List the files in a folder and below, by their paths.

        Args:
            folder: Its path; the whole folder if not given.
        """
        names = [shown(name) for name in self.folder.files(self._folder(folder))]
        more = len(names) - MOST_NAMES
        return [*names[:MOST_NAMES], f"and {more} more"] if more > 0 else names

    def read_file(self, path: str) -> str:
        """Read the beginning of a text file.

        Args:
            path: The file's path.
        """
        data = self._read(path, MOST_CHARACTERS * 4)
        if b"\0" in data:
            return f"{shown(path)} is a binary file"
        return data.decode(errors="replace")[:MOST_CHARACTERS]

    def count_lines(self, path: str) -> int:
        """Count the lines of a file.

        Args:
            path: The file's path.
        """
        data = self._read(path, MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ToolError(f"{shown(path)} is too large: lines are counted up to {MOST_BYTES >> 20} MiB")
        return data.count(b"\n") + (not data.endswith(b"\n") and data != b"")

    def search(self, text: str, folder: str = ".") -> list[str]:
        """Find a text in the files of a folder and below; tells the places as path:line.

        Args:
            text: What to look for, letter by letter.
            folder: Where to look; everywhere if not given.
        """
        if not text:
            raise ToolError("the text to look for must not be empty")
        hits: list[str] = []
        for name in self.folder.files(self._folder(folder))[:MOST_SEARCHED]:
            hits += self._hits(name, text.encode(errors="surrogateescape"))
            if len(hits) > MOST_HITS:
                return [*hits[:MOST_HITS], "and more"]
        return hits

    def _hits(self, name: str, wanted: bytes) -> list[str]:
        try:
            data = self._read(name, MOST_SEARCHED_BYTES)
        except ToolError:
            return []  # who asks where a text is does not ask which files cannot be read
        lines = enumerate(data.split(b"\n"), start=1)
        return [f"{shown(name)}:{number}" for number, line in lines if wanted in line]

    def _folder(self, name: str) -> Path:
        path = self.folder.inside(name)
        if not path.is_dir():
            raise ToolError(f"{shown(name)} is a file, not a folder")
        return path

    def _read(self, name: str, most: int) -> bytes:
        path = self.folder.inside(name)
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise ToolError(f"{shown(name)} is not a file that can be read")
            with path.open("rb") as file:
                return file.read(most)
        except OSError as exc:
            raise ToolError(f"{shown(name)} cannot be read: {exc.strerror}") from None
