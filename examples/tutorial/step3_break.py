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


async def main() -> None:
    async with open_provider() as provider, agentsup.open_runtime() as runtime:
        spec = agentsup.SessionSpec(provider=provider, tools=[order_status])
        ref = await runtime.start_session("customer-42", spec)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, ref)
            while (await ref.info()).reconnects == 0:
                await trio.sleep(0.01)
            await crash(ref)
        info = await ref.info()
        print(f"restarts: {info.restarts}, reconnects: {info.reconnects}")


if __name__ == "__main__":
    trio.run(main)
