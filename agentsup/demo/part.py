"""A part of the folder, and how a folder is parted: the same way every time. Pure."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from itertools import groupby

import attrs

from agentsup.demo.folder import shown


@attrs.frozen
class Part:
    """Some files that lie together: a file, a folder, or neighbours in one."""

    folder: str
    """The innermost folder that has all of them, from the root; `.` for the root."""

    files: tuple[str, ...]
    """Their paths from the root, in order; at least one."""

    is_whole: bool
    """It has everything that is in the folder."""

    @property
    def title(self) -> str:
        """What it is called, in one line."""
        if self.is_whole:
            return "the whole folder" if self.folder == "." else shown(f"{self.folder}/")
        first, last = (_step(name, self.folder) for name in (self.files[0], self.files[-1]))
        place = "" if self.folder == "." else f"{self.folder}/"
        return shown(f"{place}{first}" if first == last else f"{place}{first} .. {last}")


def partition(files: Sequence[str], count: int) -> tuple[Part, ...]:
    """The files in `count` parts, along the folders as far as possible.

    Every file is in a part, and in one only; where there are fewer files than parts, the parts repeat.

    Args:
        files: Their paths with `/`, in the order of a walk; at least one.
        count: At least one.
    """
    groups = [tuple(files)]
    while len(groups) < count:
        place = max(range(len(groups)), key=lambda at: len(groups[at]))
        if len(groups[place]) == 1:
            break
        groups[place : place + 1] = _merged(_children(groups[place]), count - len(groups) + 1)
    parts = [_part(group, files) for group in groups]
    return tuple(parts[place % len(parts)] for place in range(count))


def _part(files: tuple[str, ...], all_files: Sequence[str]) -> Part:
    folder = _common(files)
    within = sum(folder == "." or name.startswith(f"{folder}/") for name in all_files)
    return Part(folder, files, is_whole=within == len(files))


def _common(files: Sequence[str]) -> str:
    return os.path.commonpath([f"./{os.path.dirname(name)}" for name in files]).removeprefix("./") or "."


def _step(name: str, folder: str) -> str:
    """The entry of the folder that has the file; a folder's ends with `/`."""
    rest = name if folder == "." else name[len(folder) + 1 :]
    entry, slash, _ = rest.partition("/")
    return entry + slash


def _children(files: Sequence[str]) -> list[tuple[str, ...]]:
    """The files by the entries of their common folder."""
    folder = _common(files)
    return [tuple(group) for _, group in groupby(files, key=lambda name: _step(name, folder))]


def _merged(groups: list[tuple[str, ...]], most: int) -> list[tuple[str, ...]]:
    """Neighbours put together, the smallest first, until there are at most so many."""
    while len(groups) > most:
        place = min(range(len(groups) - 1), key=lambda at: len(groups[at]) + len(groups[at + 1]))
        groups[place : place + 2] = [groups[place] + groups[place + 1]]
    return groups
