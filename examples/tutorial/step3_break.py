"""Step 3: break the stream, kill the task, get the answer."""

from __future__ import annotations

import trio
from step1_ask import open_provider
from step2_tool import order_status

import agentsup
from agentsup.testing import crash

BROKEN = """\
@say Let me look.
@cut
@tool order_status {"number": 7}
@say It is {results}."""


async def ask(ref: agentsup.SessionRef) -> None:
    result = await ref.submit(BROKEN)
    print(result.text)


async def crash_when_cut(ref: agentsup.SessionRef) -> None:
    async with ref.subscribe(after=0) as events:
        async for event in events:
            if event.type == "connection_lost":
                await crash(ref)
                return


async def main() -> None:
    async with open_provider() as provider, agentsup.open_runtime() as runtime:
        spec = agentsup.SessionSpec(provider=provider, tools=[order_status])
        ref = await runtime.start_session("customer-42", spec)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, ref)
            nursery.start_soon(crash_when_cut, ref)
        info = await ref.info()
        print(f"restarts: {info.restarts}, reconnects: {info.reconnects}")


if __name__ == "__main__":
    trio.run(main)
