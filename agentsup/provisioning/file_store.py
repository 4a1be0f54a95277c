"""A store in a JSON file: for one machine, readable with any editor, safe between processes."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog
import trio

_log = structlog.get_logger("agentsup.provisioning")

T = TypeVar("T")

_TAKEN_AGAIN = 0.01
"""Seconds between two tries for the lock: its holders have it for a read and a write of a small file."""


class FileStore:
    """Remembers in a file, which is replaced as a whole at each change: a reader sees the old one or the new one.

    Changes take a lock (`<path>.lock` beside it, released by the system should its holder die), so two processes lose nothing of each other's.
    A missing file is an empty store; so is one that cannot be understood, with a warning, and the next change replaces it. Needs POSIX.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = self._path.with_name(self._path.name + ".lock")

    def __repr__(self) -> str:
        return f"<FileStore {self._path}>"

    async def get(self, key: str) -> Mapping[str, Any] | None:
        """The value, None if there is none."""
        return (await self._read()).get(key)

    async def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep the value."""
        await self._change(lambda kept: kept.update({key: value}))

    async def delete(self, key: str) -> None:
        """Forget it."""
        await self._change(lambda kept: kept.pop(key, None))

    async def scan(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        """Every key that begins so, with its value."""
        return {key: value for key, value in (await self._read()).items() if key.startswith(prefix)}

    async def _read(self) -> dict[str, Mapping[str, Any]]:
        return await trio.to_thread.run_sync(_load, self._path)

    async def _change(self, change: Callable[[dict[str, Mapping[str, Any]]], object]) -> None:
        def replace() -> None:
            kept = _load(self._path)
            change(kept)
            _save(self._path, kept)

        async with self._locked():
            await trio.to_thread.run_sync(replace)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Hold the lock. Waiting for it can be cancelled; what is done under it is not left half-way."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    await trio.sleep(_TAKEN_AGAIN)
                else:
                    break
            yield
        finally:
            os.close(descriptor)


def _load(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        _log.warning("provision.store_corrupt", path=str(path), bytes=len(text))
        return {}
    return found


def _save(path: Path, kept: Mapping[str, Any]) -> None:
    # In the same folder, so that the rename does not cross a file system; private, as what temporary files are.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
