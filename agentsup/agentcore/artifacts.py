"""Files in a runtime session's storage: listed, fetched, put and deleted by name.

The service moves no files, so they travel through commands, in pieces of base64: small ones on the way there, because a command has a bound, and
larger ones on the way back. What arrived is compared by its hash, and a file appears under its name only when it is whole. Every piece is written
to its own place, so one whose answer got lost is sent again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
from typing import Any, Final

import attrs
import trio

from agentsup.agentcore.commands import CommandResult, Commands
from agentsup.control.errors import ApiError, NotFound, UnreadableAnswer
from agentsup.errors import Problem, SpecError
from agentsup.wire.agentcore.files import LIST, listed, script
from agentsup.wire.errors import RemoteProtocolError

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")

PIECE_THERE: Final = 36_000
"""Bytes of one piece on its way there: 48,000 characters of base64, which leaves room in a command's 65,536 for what is around it."""

PIECE_BACK: Final = 192 * 1024
"""Bytes of one piece on its way back."""

MOST_BYTES: Final = 100 * 1024 * 1024
"""Bytes of the largest file that is fetched unless the caller says otherwise: it is held in memory."""

MOST_RETRIES: Final = 2
"""Repetitions of a command whose end is not known; each comes to the same however often it is done."""

_MISSING: Final = 3
_DIFFERENT: Final = 4

_STAT: Final = """\
import hashlib, json, os, sys
path = os.path.join(sys.argv[1], sys.argv[2])
if not os.path.isfile(path): sys.exit(3)
digest = hashlib.sha256()
with open(path, "rb") as file:
    while piece := file.read(1 << 20): digest.update(piece)
print(json.dumps([os.path.getsize(path), digest.hexdigest()]))
"""

_FETCH: Final = """\
import base64, os, sys
path = os.path.join(sys.argv[1], sys.argv[2])
if not os.path.isfile(path): sys.exit(3)
with open(path, "rb") as file:
    file.seek(int(sys.argv[3]))
    print(base64.b64encode(file.read(int(sys.argv[4]))).decode())
"""

_PUT: Final = """\
import base64, os, sys
folder, name, offset, piece = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, name)
with open(path, "r+b" if offset else "wb") as file:
    file.seek(offset)
    file.write(base64.b64decode(piece))
    file.truncate()
"""

_FINISH: Final = """\
import hashlib, os, sys
part, path, wanted = os.path.join(sys.argv[1], sys.argv[2]), os.path.join(sys.argv[1], sys.argv[3]), sys.argv[4]
def digest(path):
    made = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20): made.update(piece)
    return made.hexdigest()
if os.path.exists(part):
    if digest(part) != wanted: sys.exit(4)
    os.replace(part, path)
elif not os.path.exists(path) or digest(path) != wanted: sys.exit(4)
"""

_DELETE: Final = """\
import os, sys
try: os.remove(os.path.join(sys.argv[1], sys.argv[2]))
except FileNotFoundError: sys.exit(3)
"""


class CommandFailed(ApiError):
    """A command that an artifact needed came to no good end; `result` has what it wrote."""

    def __init__(self, message: str, result: CommandResult) -> None:
        self.result = result
        super().__init__(message)


@attrs.frozen(kw_only=True)
class Artifact:
    """A file in a session's storage."""

    name: str
    size: int
    """Bytes."""

    changed_at: float = attrs.field(default=0.0, eq=False)
    """Seconds since 1970, by the machine's clock; 0 where it was not asked for."""


class Artifacts:
    """The files in one folder of one runtime session; `Client.artifacts` makes it."""

    def __init__(self, commands: Commands, harness: Any, runtime_session_id: str, folder: str, timeout: int) -> None:
        if not isinstance(folder, str) or not folder.strip() or not folder.isprintable():
            raise SpecError.of("folder", "must be a path, such as /mnt/data")
        self._commands = commands
        self._harness = harness
        self._session_id = runtime_session_id
        self._folder = folder
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"<Artifacts in {self._folder} of {self._session_id}>"

    async def list(self) -> list[Artifact]:
        """The files there are, by name; none if there is no such folder.

        Raises:
            ApiError: it is not known.
        """
        answer = await self._run("listing files", LIST)
        try:
            files = listed(answer.stdout)
        except RemoteProtocolError as exc:
            raise UnreadableAnswer(str(exc)) from exc
        return [Artifact(name=file.name, size=file.size, changed_at=file.changed_at) for file in files]

    async def fetch(self, name: str, *, max_bytes: int = MOST_BYTES) -> bytes:
        """A file's content.

        Args:
            name: its name: letters, digits, `.`, `_` and `-`.
            max_bytes: a larger one is refused before anything of it is fetched.

        Raises:
            SpecError: it can be no name.
            NotFound: there is no such file.
            UnreadableAnswer: it is larger than it may be, or changed while it was fetched.
            ApiError: it cannot be had.
        """
        _check(name)
        what = f"fetching {name}"
        size, wanted = _json(await self._run(what, _STAT, name), list)
        if size > max_bytes:
            raise UnreadableAnswer(f"{what}: it has {size} bytes, and {max_bytes} are allowed")
        data = bytearray()
        while len(data) < size:
            piece = _decoded(what, await self._run(what, _FETCH, name, str(len(data)), str(PIECE_BACK)))
            if not piece:
                break
            data += piece
        if hashlib.sha256(data).hexdigest() != wanted:
            raise UnreadableAnswer(f"{what}: it changed while it was fetched, or was damaged on the way")
        return bytes(data)

    async def put(self, name: str, data: bytes) -> Artifact:
        """Have a file there with this content, in place of one of that name. It appears when it is whole, or not at all.

        Raises:
            SpecError: it can be no name, or the content is none.
            UnreadableAnswer: what arrived is not what was sent.
            ApiError: it cannot be put.
        """
        _check(name)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise SpecError.of("data", f"must be bytes, not {type(data).__name__}")
        data = bytes(data)
        part, what = f".{name}.{secrets.token_hex(4)}.part", f"putting {name}"
        try:
            for offset in range(0, max(len(data), 1), PIECE_THERE):
                piece = base64.b64encode(data[offset : offset + PIECE_THERE]).decode()
                await self._run(what, _PUT, part, str(offset), piece)
            await self._run(what, _FINISH, part, name, hashlib.sha256(data).hexdigest())
        except BaseException:
            with trio.move_on_after(_CLEANUP) as cleaning:
                cleaning.shield = True
                await self._forget(part)
            raise
        return Artifact(name=name, size=len(data))

    async def delete(self, name: str) -> None:
        """Have a file gone.

        Raises:
            SpecError: it can be no name.
            NotFound: there is no such file.
            ApiError: it cannot be deleted.
        """
        _check(name)
        await self._run(f"deleting {name}", _DELETE, name, gone_is_fine=True)

    async def _forget(self, part: str) -> None:
        """Leave no half of a file; whatever goes wrong here must not take the first error's place."""
        try:
            await self._run("clearing away", _DELETE, part)
        except ApiError:
            return

    async def _run(self, what: str, text: str, *arguments: str, gone_is_fine: bool = False) -> CommandResult:
        command = script(text, self._folder, *arguments)
        for attempt in range(MOST_RETRIES + 1):
            try:
                result = await self._commands.run(self._harness, self._session_id, command, timeout=self._timeout)
            except ApiError as exc:
                if not exc.ambiguous or attempt == MOST_RETRIES:
                    raise
                await trio.sleep(2.0**attempt)
                continue
            if result.exit_code == _MISSING and not (gone_is_fine and attempt):
                raise NotFound(f"{what}: there is no such file")
            if result.exit_code == _DIFFERENT:
                raise UnreadableAnswer(f"{what}: what arrived is not what was sent")
            if result.exit_code not in (0, _MISSING):
                raise CommandFailed(f"{what}: the command ended with {result.exit_code}", result)
            return result
        raise AssertionError


_CLEANUP: Final = 10.0
"""Seconds for clearing away half a file."""


def _check(name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name) or name in (".", ".."):
        raise SpecError([Problem("name", f"must be letters, digits, '.', '_' and '-', up to 200, not {name!r}")])


def _json(result: CommandResult, kind: type[Any]) -> Any:
    try:
        value = json.loads(result.stdout)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise UnreadableAnswer("the command wrote something else than it should")
    return value


def _decoded(what: str, result: CommandResult) -> bytes:
    try:
        return base64.b64decode(result.stdout.strip(), validate=True)
    except binascii.Error:
        raise UnreadableAnswer(f"{what}: a piece is damaged") from None
