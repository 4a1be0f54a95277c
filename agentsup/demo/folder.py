"""A real folder that is asked about: which files there are to ask about, and that nobody gets out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from agentsup.errors import SpecError
from agentsup.session.errors import ToolError

MOST_FILES: Final = 1000
"""Files that are asked about at most, the first in order: the demo is no search engine, and a home directory is a folder too."""


@attrs.frozen
class Folder:
    """A folder with something in it. Hidden files, `__pycache__` and what leads out of it by a symbolic link are left out."""

    root: Path
    """Absolute, with symbolic links resolved."""

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Folder:
        """The folder at this path.

        Raises:
            SpecError: there is none, it is a file, it cannot be read, or there is nothing in it to ask about.
        """
        named = shown(os.fspath(path))
        try:
            root = Path(path).resolve(strict=True)
            os.scandir(root).close()
        except FileNotFoundError:
            raise SpecError.of("FOLDER", f"must exist, and there is no {named}") from None
        except NotADirectoryError:
            raise SpecError.of("FOLDER", f"must be a folder, and {named} is a file") from None
        except (OSError, ValueError, RuntimeError) as exc:
            raise SpecError.of("FOLDER", f"must be readable, and {named} is not: {_reason(exc)}") from None
        folder = cls(root)
        if not folder.files():
            raise SpecError.of(
                "FOLDER", f"must have files to ask about, and {named} has none (hidden ones do not count)"
            )
        return folder

    def files(self, below: Path | None = None) -> tuple[str, ...]:
        """The files to ask about, by their paths from the root with `/`, in order; at most `MOST_FILES`."""
        found: list[str] = []
        for name in self._walk(self.root if below is None else below):
            found.append(name)
            if len(found) == MOST_FILES:
                break
        return tuple(found)

    def inside(self, name: str) -> Path:
        """The real path of a file or folder that is named from the root.

        Raises:
            ToolError: there is none of that name, or it is outside.
        """
        try:
            real = (self.root / name).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise ToolError(f"there is no {shown(name)} in the folder") from None
        if not real.is_relative_to(self.root):
            raise ToolError(f"{shown(name)} is outside the folder")
        return real

    def name_of(self, path: Path) -> str:
        """The path from the root, with `/`; the root itself is `.`."""
        return path.relative_to(self.root).as_posix()

    def _walk(self, start: Path) -> Iterator[str]:
        waiting = [start]
        while waiting:
            path = waiting.pop()
            if os.path.isdir(path) and not os.path.islink(path):
                waiting += reversed(_children(path))
            elif self._is_ours(path):
                yield self.name_of(path)

    def _is_ours(self, path: Path) -> bool:
        """A regular file whose content is in the folder too; sockets, pipes and devices are not asked about."""
        try:
            real = path.resolve(strict=True)
            return real.is_relative_to(self.root) and stat.S_ISREG(real.stat().st_mode)
        except (OSError, RuntimeError):
            return False


def _children(path: Path) -> list[Path]:
    """In order of their names; none if the folder cannot be read. A name that is not UTF-8 cannot be said to an agent."""
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return []
    return [path / name for name in names if not name.startswith(".") and name != "__pycache__" and _is_utf8(name)]


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(name: str) -> str:
    """A name as it can be shown in one line anywhere: what cannot be printed is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in name)


def _reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
