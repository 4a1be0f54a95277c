"""One life of a process that is killed in the middle of an interrupt, or the one after it: a session at a harness, whose stop gets no answer."""

from __future__ import annotations

import json
import os
import signal
import sys

import trio

import agentsup
from agentsup.talk import events as ev
from tests.crash.crowd import KEYS


async def live(orders: dict) -> None:
    """Interrupt the agent and die, once its turn has come to its own end here (`heard`) or before; or, in the life after it, ask on."""
    provider = agentsup.BedrockAgentCore(harness=orders["harness"], credentials=KEYS, endpoint_url=orders["base_url"])
    async with agentsup.open_runtime(store=orders["store"]) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        if orders["last"]:
            print((await ref.submit("@say on")).text)
            return
        async with ref.subscribe(after=0, overflow="block") as events:
            await ref.message("@say begun\n@sleep 0.5\n@say its own end")
            async for event in events:
                if isinstance(event.body, ev.Said) or event.type == "text_delta":
                    break
            await ref.interrupt()
            async for event in events:
                sent = isinstance(event.body, ev.Sending) and any(key.startswith("stop:") for key in event.body.keys)
                if isinstance(event.body, ev.Waiting) if orders["heard"] else sent:
                    break
        if not orders["heard"]:
            await trio.sleep(0.2)  # the stop is with the service, which is silent
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    trio.run(live, json.loads(sys.argv[1]))
