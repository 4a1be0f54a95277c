"""Listening: text as it is produced, and everything that happens in a session, from the beginning."""

from __future__ import annotations

import trio
from setting import open_setting

import agentsup


async def watch(ref: agentsup.SessionRef) -> None:
    """Replay from the start, then live; the loop ends after the session's last event."""
    async with ref.subscribe(after=0, overflow="block") as events:
        async for event in events:
            if event.type != "text_delta":
                print(f"  {event.cursor:>3} {event.type}")


async def main() -> None:
    async with open_setting() as setting, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("speaker", agentsup.SessionSpec(provider=setting.provider))
        stream = ref.stream(setting.prompt("Count to five.", "@usage 20 12\n@deltas 5 4\n@say That was all."))
        async for piece in stream:
            print(piece, end="|", flush=True)
        print()
        assert stream.result is not None
        print(f"{stream.result.usage.output_tokens} tokens written")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, ref)
            await ref.close()


if __name__ == "__main__":
    trio.run(main)
