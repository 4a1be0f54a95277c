"""A session in a supervision tree of your own, beside an actor that uses it."""

from __future__ import annotations

import trio
from setting import Setting, open_setting

import agentsup
from agentsup import otp


class Desk(otp.Actor):
    """Takes questions, hands them to the session, counts what came back."""

    mailbox = otp.MailboxSpec(100, "block")

    def __init__(self, runtime: agentsup.Runtime) -> None:
        self._runtime = runtime

    def init(self) -> None:
        """Nothing counted yet."""
        self.state = 0

    def handle_call(self, question: str, caller: otp.Caller) -> otp.NoReply:
        """Answer later: the actor stays free meanwhile."""
        self.spawn(self._ask, question, caller)
        return otp.NoReply()

    def handle_cast(self, message: object) -> None:
        """One more."""
        self.state += 1

    async def _ask(self, question: str, caller: otp.Caller) -> None:
        result = await self._runtime.session("expert").submit(question)
        otp.cast(self.ref, "answered")
        self.reply(caller, result.text)


def desk_tree(runtime: agentsup.Runtime, setting: Setting) -> otp.ChildSpec:
    """The session first; if its task fails, the desk that depends on it is restarted with it."""
    spec = agentsup.SessionSpec(provider=setting.provider)
    children = [
        agentsup.session_child("expert", spec),
        otp.ChildSpec(id="desk", start=lambda: Desk(runtime), name="desk"),
    ]
    flags = otp.SupFlags(strategy="rest_for_one")
    return otp.ChildSpec(id="desk-tree", start=lambda: otp.Supervisor(flags, children), type="supervisor")


async def main() -> None:
    async with open_setting() as setting, agentsup.open_runtime() as runtime:
        await otp.start_child(runtime.kernel.root, desk_tree(runtime, setting))
        question = setting.prompt("What is 6 times 7? Only the number.", "@say 42")
        print(await otp.call(otp.Name("desk"), question, timeout=60.0))


if __name__ == "__main__":
    trio.run(main)
