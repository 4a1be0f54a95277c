"""What breaks and what does not: a cut stream and a killed session task, and an answer all the same.

Offline only: the simulator cuts the stream when it is told to.
"""

from __future__ import annotations

import trio
from setting import Setting, open_setting

import agentsup
from agentsup.testing import crash

SCRIPT = """\
@say The stream is cut behind this line.
@cut
@say This was said while nobody listened.
@tool count {"text": "one two three"}
@say Words counted: {results}
@sleep 0.3
@say Done."""


@agentsup.tool(effect="pure")
def count(text: str) -> int:
    """Count words."""
    return len(text.split())


async def ask(ref: agentsup.SessionRef) -> None:
    result = await ref.submit(SCRIPT)  # waits through all of it
    print(result.text)


async def kill_when_counted(ref: agentsup.SessionRef) -> None:
    async with ref.subscribe(after=0) as events:
        async for event in events:
            if event.type == "tool_ended":
                await crash(ref)  # as a bug in the session's task would
                return


async def show(setting: Setting) -> None:
    spec = agentsup.SessionSpec(provider=setting.provider, tools=[count])
    async with agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("survivor", spec)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, ref)
            nursery.start_soon(kill_when_counted, ref)
        info = await ref.info()
        print(f"restarts: {info.restarts}, reconnects: {info.reconnects}, last error: {info.last_error}")


async def main() -> None:
    async with open_setting(count) as setting:
        if setting.is_live:
            raise SystemExit("this example breaks things on purpose: run it offline, without AGENTSUP_LIVE")
        await show(setting)


if __name__ == "__main__":
    trio.run(main)
