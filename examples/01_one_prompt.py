"""Ask one thing and wait for the answer: no runtime to keep, nothing left behind."""

from __future__ import annotations

import trio
from setting import open_setting

import agentsup


async def main() -> None:
    async with open_setting() as setting:
        spec = agentsup.SessionSpec(provider=setting.provider)
        prompt = setting.prompt("Say hello in one word.", "@say Hello!")
        result = await agentsup.run(spec, prompt, timeout=60.0)
    print(result.text)
    print(f"{result.terminal}, {result.turns} turn, {len(result.events)} provider events")


if __name__ == "__main__":
    trio.run(main)
