"""Runs one command in a real shell, in a process group of its own that does not outlive it.

Time limits here are the wall clock's, also under trio's test clock: a process does not know about that one.
"""

from __future__ import annotations

import codecs
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs
import trio

from .folder import Folder
from .inhabitants import kill_group, until_dead
from .wall import clock_held, moment, within

Say = Callable[[str, str], Awaitable[None]]
"""Hears `stdout` or `stderr`, and a piece of it."""

PLATFORM_ERROR = -1
"""The exit code of a command that did not end by itself, or did not begin."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHUNK_BYTES = 32 * 1024
_LAST_WORDS_S = 1.0
"""How long the output of a command that has ended may take to arrive; only who left its process group could hold it open."""

_LONGEST_ARGUMENT = 100_000
"""Bytes; the kernel takes a little more."""


@attrs.frozen
class Exit:
    """How a command ended."""

    code: int
    timed_out: bool = False


async def run_command(
    command: str,
    folder: Folder,
    variables: Mapping[str, str],
    timeout_s: float,
    say: Say,
    groups: set[int],
) -> Exit:
    """Runs it to its end; whatever it left in its process group is killed then, or when this is cancelled.

    Args:
        command: a line of shell.
        folder: where it runs, and its home.
        variables: its environment beyond PATH, HOME and the like; nothing of ours is in it.
        timeout_s: after so many seconds it is killed.
        say: hears its output; it may make the command wait.
        groups: holds the id of its process group as long as that exists.
    """
    async with clock_held():
        try:
            process = await _start(command.encode(), folder.path, variables)
        except OSError as error:
            await say("stderr", f"the command could not be started: {error.strerror}\n")
            return Exit(PLATFORM_ERROR)
        return await _see_through(process, timeout_s, say, groups)


async def _see_through(process: trio.Process, timeout_s: float, say: Say, groups: set[int]) -> Exit:
    groups.add(process.pid)
    try:
        return await _attend(process, timeout_s, say, groups)
    finally:
        _end_group(process.pid, groups)
        with trio.CancelScope(shield=True):
            await process.wait()
            await until_dead(process.pid)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    await pipe.aclose()


async def _start(command: bytes, folder: Path, variables: Mapping[str, str]) -> trio.Process:
    """The shell at work, in a session of its own; a command too long for an argument it reads from an unnamed file."""
    with ExitStack() as stack:
        given: tuple[bytes | str, ...] = ("-c", command)
        inherited: tuple[int, ...] = ()
        if len(command) > _LONGEST_ARGUMENT:
            script = stack.enter_context(tempfile.TemporaryFile())
            script.write(command)
            script.flush()
            given, inherited = (f"/dev/fd/{script.fileno()}",), (script.fileno(),)
        return await trio.lowlevel.open_process(
            [*_shell(), *given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(folder, variables),
            start_new_session=True,
            pass_fds=inherited,
        )


async def _attend(process: trio.Process, timeout_s: float, say: Say, groups: set[int]) -> Exit:
    assert process.stdout is not None
    assert process.stderr is not None
    pumps = (_Pump(process.stdout, "stdout", say), _Pump(process.stderr, "stderr", say))
    async with trio.open_nursery() as nursery:
        for pump in pumps:
            nursery.start_soon(pump.run)
        async with within(timeout_s):
            await process.wait()
        timed_out = process.returncode is None
        _end_group(process.pid, groups)
        await process.wait()
        await _hear_out(pumps)
        nursery.cancel_scope.cancel()
    code = process.returncode or 0
    if timed_out:
        return Exit(PLATFORM_ERROR, timed_out=True)
    return Exit(code if code >= 0 else 128 - code)


async def _hear_out(pumps: Sequence[_Pump]) -> None:
    """Until the pipes are at their end, or silent for a while; a listener who takes his time is waited for."""
    silent_since: float | None = None
    while any(not pump.over for pump in pumps):
        if any(pump.saying for pump in pumps):
            silent_since = None
        elif silent_since is None:
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > _LAST_WORDS_S:
            return
        await moment()


@attrs.define(eq=False)
class _Pump:
    """Carries one pipe's bytes to whoever listens, as text."""

    _pipe: trio.abc.ReceiveStream
    _name: str
    _say: Say
    saying: bool = False
    over: bool = False

    async def run(self) -> None:
        """To the pipe's end."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while chunk := await self._pipe.receive_some(_CHUNK_BYTES):
            await self._tell(decoder.decode(chunk))
        await self._tell(decoder.decode(b"", final=True))
        self.over = True

    async def _tell(self, text: str) -> None:
        if text:
            self.saying = True
            await self._say(self._name, text)
            self.saying = False


def _end_group(group: int, groups: set[int]) -> None:
    """Kills a group once: after that its number may be somebody else's."""
    if group in groups:
        groups.discard(group)
        kill_group(group)


def _shell() -> tuple[str, ...]:
    bash = shutil.which("bash", path=_PATH)
    return ("/bin/sh",) if bash is None else (bash, "--noprofile", "--norc")


def _environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    python = Path(
        sys.executable
    ).parent  # the service's image has a python3; where the system has none, ours is as good
    return {
        "PATH": f"{_PATH}:{python}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "USER": "root",
        **variables,
    }
