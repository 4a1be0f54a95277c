"""The private folder of one session: where its commands run and its files are."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from .inhabitants import kill_inhabitants

_TRIES = 5
"""To remove it: a process that is being killed may still finish one call that makes a file."""


class Folder:
    """Made on first use, removed with everything in it."""

    def __init__(self) -> None:
        self._path: Path | None = None

    def __repr__(self) -> str:
        return f"<Folder made={self._path is not None}>"

    @property
    def path(self) -> Path:
        """Where it is; a command may have removed it, then it is there again.

        Raises:
            OSError: it cannot be made.
        """
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(prefix="agentsup-sim-"))
        self._path.mkdir(mode=0o700, exist_ok=True)
        return self._path

    def write(self, name: str, text: str) -> None:
        """Writes a file; folders on the way are made.

        Raises:
            OSError: a command has put something in the way.
        """
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(self.path.resolve()) or target.is_symlink():
            raise PermissionError(f"{name} leads out of the session's folder")
        target.write_text(text, encoding="utf-8", errors="replace", newline="")

    def remove(self) -> None:
        """Removes it, and ends whoever still lives in it; a second time does nothing."""
        path, self._path = self._path, None
        if path is not None:
            kill_inhabitants(path)
        for _ in range(_TRIES):
            if path is None or not os.path.lexists(path):
                return
            if path.is_dir() and not path.is_symlink():
                _open_up(path)
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()  # a command has put something else in its place


def _open_up(path: Path) -> None:
    """Gives back the rights to its folders, which a command may have taken away."""
    path.chmod(stat.S_IRWXU)
    for where, folders, _ in os.walk(path):
        for below in (Path(where, folder) for folder in folders):
            with suppress(OSError):
                if not below.is_symlink():
                    below.chmod(stat.S_IRWXU)
