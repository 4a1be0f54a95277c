"""Files of a session by their names, whichever provider keeps them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, overload

import trio

from agentsup.control.saving import save
from agentsup.errors import Problem, SpecError
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning.errors import ArtifactFailed, NoSuchArtifact
from agentsup.provisioning.kinds import shelved
from agentsup.provisioning.persistence import persist
from agentsup.provisioning.shelf import Data, Shelf
from agentsup.talk.artifact import Artifact, newest_by_name

T = TypeVar("T")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for a file that is waited for: what an agent writes shows in the list a little later."""

MOST_NAME_BYTES: Final = 255
"""What a file's name may have on the systems that files come from and go to."""


class Artifacts:
    """The files of one session at its provider: what the agent wrote, and what was put there for it to read.

    Where several have one name the newest counts, and of these rather one that can be fetched. Opening nothing and holding nothing, it can be kept as
    long as you like; each call is on its own. A deadline is a trio scope around the call.
    """

    def __init__(self, provider: Any, session_id: str | None = None) -> None:
        """The files of a session.

        Args:
            provider: Where: a provider value, its class, or its kind as text, as for `provision`.
            session_id: The provider's id of the session (`(await ref.info()).provider_session_id`, or a result's); by default the one that the
                provider value is to go on with.

        Raises:
            SpecError: the session is missing. Whether the provider can be reached is asked by each call.
        """
        if session_id is None:
            session_id = getattr(provider, "provider_session_id", None)
        if not isinstance(session_id, str) or not session_id.strip():
            raise SpecError.of("session_id", "is missing: the provider's id of the session whose files these are")
        self._provider = provider
        self._session_id = session_id

    def __repr__(self) -> str:
        return f"<Artifacts of {self._session_id}>"

    async def list(self) -> Sequence[Artifact]:
        """One artifact for each name, the newest first.

        Raises:
            ArtifactFailed: the list cannot be had.
        """
        async with shelved(self._provider, self._session_id) as shelf:
            return newest_by_name(await self._entries(shelf))

    @overload
    async def fetch(self, name: str, *, wait: float = 0.0) -> bytes: ...
    @overload
    async def fetch(self, name: str, to: str | os.PathLike[str], *, wait: float = 0.0) -> Path: ...

    async def fetch(self, name: str, to: str | os.PathLike[str] | None = None, *, wait: float = 0.0) -> bytes | Path:
        """The content of the newest file of that name: as bytes, or written to a path as it comes, which is then returned.

        A path has the whole content or what was there before: it is written beside it first. A folder takes the file under its name. A transfer
        that breaks off is begun again a few times.

        Args:
            name: The file's name, without folders.
            to: Where to write it; without this it comes back as bytes.
            wait: Seconds to wait for it to show: what an agent writes does so a moment after it has ended.

        Raises:
            SpecError: that is no file's name.
            NoSuchArtifact: the session has no file of that name.
            ArtifactFailed: it cannot be fetched, or not as a whole.
            OSError: it cannot be written there.
        """
        _check_name(name)
        async with shelved(self._provider, self._session_id) as shelf:
            found = await self._find(shelf, name, wait)
            if not found.retrievable:
                raise ArtifactFailed(
                    f"{name} was put into the session for its agent to read, and cannot be fetched from there"
                )
            if to is None:
                return await self._asked(f"fetching {name}", lambda: _content(shelf, found))
            target = Path(to)
            if await trio.Path(target).is_dir():
                target /= name
            await self._asked(f"fetching {name}", lambda: _write(shelf, found, target))
            return target

    async def put(self, name: str, data: Data, *, path: str | None = None) -> Artifact:
        """Put a file into the session, for its agent to read; a path is read while it is sent.

        What is put cannot be fetched again at every provider: an artifact tells (`retrievable`).

        Args:
            name: The file's name, without folders.
            data: Its content as bytes, or a path (as `Path`, for text could be either).
            path: Where the agent finds it; by default the provider's folder for that (`/data/` at Claude Managed Agents).

        Raises:
            SpecError: the name, the content or the path cannot be used; every problem is listed.
            ArtifactFailed: it was not put there; or nobody knows, and then the error says so.
            OSError: the file cannot be read.
        """
        problems = [*_name_problems(name), *_data_problems(data), *_path_problems(path)]
        if problems:
            raise SpecError(problems)
        async with shelved(self._provider, self._session_id) as shelf:
            if refused := list(shelf.problems(name, path)):
                raise SpecError(refused)
            try:
                return await shelf.write(name, data, path)
            except (Unavailable, Rejected) as exc:
                raise _failed(f"putting {name}", exc) from exc

    async def delete(self, name: str) -> None:
        """Take away every file of that name from the session, oldest first, so that none comes to light behind another.

        Raises:
            SpecError: that is no file's name.
            NoSuchArtifact: the session has no file of that name.
            ArtifactFailed: some are still there; all were tried.
        """
        _check_name(name)
        async with shelved(self._provider, self._session_id) as shelf:
            named = [each for each in await self._entries(shelf) if each.name == name]
            if not named:
                raise NoSuchArtifact(f"session {self._session_id} has no file {name}")
            failures: list[Unavailable | Rejected] = []
            for each in reversed(named):
                try:
                    await persist(lambda each=each: shelf.remove(each))  # type: ignore[misc]  # bound now
                except (Unavailable, Rejected) as exc:
                    failures.append(exc)
            if failures:
                what = f"deleting {name}: {len(failures)} of {len(named)} of that name are still there"
                raise _failed(what, failures[0]) from failures[0]

    async def _find(self, shelf: Shelf, name: str, wait: float) -> Artifact:
        """The file that the name stands for; one that is waited for may come late."""
        deadline = trio.current_time() + wait
        while True:
            found = [each for each in newest_by_name(await self._entries(shelf)) if each.name == name]
            if found and (found[0].retrievable or trio.current_time() >= deadline):
                return found[0]
            if trio.current_time() >= deadline:
                raise NoSuchArtifact(f"session {self._session_id} has no file {name}")
            await trio.sleep(min(LOOK_EVERY, deadline - trio.current_time()))

    async def _entries(self, shelf: Shelf) -> Sequence[Artifact]:
        return await self._asked("listing files", shelf.entries)

    async def _asked(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Asked until there is an answer, for what comes to the same when it is done twice."""
        try:
            return await persist(ask)
        except (Unavailable, Rejected) as exc:
            raise _failed(f"{what} of session {self._session_id}", exc) from exc


def _failed(what: str, exc: Unavailable | Rejected) -> ArtifactFailed:
    return ArtifactFailed(f"{what}: {exc}", failure=exc.failure if isinstance(exc, Rejected) else None)


# --- to here -----------------------------------------------------------------------------------------------------------------------


async def _content(shelf: Shelf, artifact: Artifact) -> bytes:
    async with shelf.read(artifact) as pieces:
        return b"".join([piece async for piece in pieces])


async def _write(shelf: Shelf, artifact: Artifact, target: Path) -> None:
    async with shelf.read(artifact) as pieces:
        await save(pieces, target)


# --- at the door -------------------------------------------------------------------------------------------------------------------


def _check_name(name: object) -> None:
    if problems := list(_name_problems(name)):
        raise SpecError(problems)


def _name_problems(name: object) -> list[Problem]:
    """A name is one step: it leads nowhere else, neither there nor here."""
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        return [Problem("name", "must be a file's name: text without spaces around it")]
    if name in (".", "..") or "/" in name or "\\" in name or not name.isprintable():
        return [Problem("name", f"must be a file's name alone, without folders and control characters, not {name!r}")]
    if len(name.encode()) > MOST_NAME_BYTES:
        return [Problem("name", f"must have at most {MOST_NAME_BYTES} bytes")]
    return []


def _data_problems(data: object) -> list[Problem]:
    if isinstance(data, bytes | os.PathLike):
        return []
    return [Problem("data", f"must be bytes, or a Path to read, not {type(data).__name__}")]


def _path_problems(path: object) -> list[Problem]:
    if path is None:
        return []
    if not isinstance(path, str) or not path.startswith("/") or not path.isprintable() or path.endswith("/"):
        return [Problem("path", f"must be the file's absolute path in the session, not {path!r}")]
    if any(step in ("", ".", "..") for step in path.split("/")[1:]):
        return [Problem("path", f"must be plain, without empty steps, '.' and '..', not {path!r}")]
    return []
