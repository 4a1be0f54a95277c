"""Actors that the kernel's tests send messages to."""

from __future__ import annotations

import math
from typing import Any

import attrs
import trio

from agentsup import otp


class Store(otp.Actor):
    """Keeps what it is told and does what it is asked."""

    def __init__(self, log: list[Any] | None = None) -> None:
        self.log = [] if log is None else log

    def init(self) -> None:
        self.state = []

    async def handle_call(self, request: Any, caller: otp.Caller) -> Any:
        match request:
            case "get":
                return otp.Reply(list(self.state))
            case ("sleep", float(seconds)):
                await trio.sleep(seconds)
                return otp.Reply("slept")
            case ("raise", BaseException() as error):
                raise error
            case ("return", value):
                return value
            case ("call", dest, inner):
                return otp.Reply(await otp.call(dest, inner))
            case ("error", BaseException() as error):
                self.reply_error(caller, error)
                return otp.NoReply()
            case ("monitor", otp.Ref() as ref):
                return otp.Reply(self.monitor(ref))
            case ("demonitor", otp.Monitor() as monitor):
                self.demonitor(monitor)
                return otp.Reply()
        return otp.Reply(request)

    async def handle_cast(self, message: Any) -> Any:
        match message:
            case ("raise", BaseException() as error):
                raise error
            case ("sleep", float(seconds)):
                await trio.sleep(seconds)
            case ("return", value):
                return value
            case ("stop", reason):
                self.stop(reason)
            case _:
                self.state.append(message)
        return None

    def handle_info(self, message: Any) -> None:
        self.state.append(message)

    def handle_continue(self, arg: Any) -> Any:
        self.state.append(("continued", arg))
        return None

    def terminate(self, reason: otp.ExitReason) -> None:
        self.log.append(reason)


@attrs.frozen
class Boom(Exception):
    """Raised on purpose."""

    retry_after: float = 0.0


AT_ONCE = otp.Backoff(base=0, cap=0)
NO_LIMIT = otp.SupFlags(intensity=math.inf, backoff=AT_ONCE)


def child(start: Any = Store, id: str = "a", **options: Any) -> otp.ChildSpec:
    return otp.ChildSpec(id=id, start=start, name=options.pop("name", id), **options)


async def crash(dest: otp.Dest, error: BaseException | None = None) -> None:
    """Make a store raise, and wait until it is dead."""
    ref = otp.current_runtime().names.whereis(dest.key) if isinstance(dest, otp.Name) else dest
    assert ref is not None
    otp.cast(ref, ("raise", Boom() if error is None else error))
    await otp.wait_down(ref)
