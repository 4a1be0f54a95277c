"""The files in a session's machine, listed by a command in it: the service has no list of them."""

from __future__ import annotations

import posixpath
from typing import Final

import httpx

from agentsup.providers.agentcore.commands import command_ask
from agentsup.providers.agentcore.failing import Trouble, broken, refused
from agentsup.providers.aws.credentials import NoCredentials
from agentsup.providers.aws.sending import Ask, Sender
from agentsup.providers.base import Rejected, Unavailable
from agentsup.providers.body import unwinding
from agentsup.talk.artifact import Artifact
from agentsup.talk.events import Failure
from agentsup.wire.agentcore.commands import CommandFold, Exit, Output
from agentsup.wire.agentcore.files import LIST, listed, script
from agentsup.wire.agentcore.frames import ErrorInStream, read_frame
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.eventstream import FrameDecoder

WHAT: Final = "listing the session's files"

TIMEOUT: Final = 60
"""Seconds the command may take. It reads one folder; what takes long is a machine that has to be started first."""


async def list_files(
    sender: Sender, arn: str, qualifier: str | None, session_id: str, folder: str
) -> tuple[Artifact, ...]:
    """The files in the folder; none if there is no such folder. Asking twice comes to the same.

    Raises:
        Unavailable: there was no answer, or none that makes sense.
        Rejected: the service says that it will not, or the machine cannot.
    """
    ask = command_ask(arn, session_id, script(LIST, folder), what=WHAT, timeout=TIMEOUT, qualifier=qualifier)
    try:
        output = await _output(sender, ask)
        files = listed(output)
    except Trouble as exc:
        status = exc.failure.status
        if exc.again or status is None or status >= 500:
            raise Unavailable(exc.failure.message, retry_after=exc.wait, ours=exc.ours) from exc
        raise Rejected(exc.failure, fatal=exc.fatal) from exc
    except NoCredentials as exc:
        raise Rejected(broken(WHAT, exc).failure, fatal=True) from exc
    except (httpx.HTTPError, httpx.InvalidURL, ErrorInStream, RemoteProtocolError) as exc:
        raise Unavailable(f"{WHAT}: {_reason(exc)}") from exc
    return tuple(
        Artifact(name=file.name, size=file.size, ref=posixpath.join(folder, file.name), created_at=file.changed_at)
        for file in files
    )


async def _output(sender: Sender, ask: Ask) -> str:
    """What the command printed."""
    async with sender.answer(ask) as response:
        if not response.is_success:
            raise refused(WHAT, response, await sender.told(response))
        decoder, fold = FrameDecoder(), CommandFold()
        printed: list[str] = []
        async with unwinding(response.aiter_bytes()) as pieces:
            async for piece in pieces:
                decoder.feed(piece)
                while (frame := decoder.next_frame()) is not None:
                    for event in fold.feed(read_frame(frame)):
                        match event:
                            case Output(stream="stdout", text=text):
                                printed.append(text)
                            case Exit(code) if code != 0:
                                message = f"{WHAT}: the command that lists them ended with {code}"
                                raise Rejected(Failure(kind="provider", message=message), fatal=False)
        decoder.end()
        fold.end()
        return "".join(printed)


def _reason(exc: Exception) -> str:
    return str(exc) if isinstance(exc, ErrorInStream | RemoteProtocolError) else type(exc).__name__
