"""Tools: typed functions that run in this process when the model asks for them."""

from __future__ import annotations

from typing import Literal

import trio
from setting import open_setting

import agentsup

STOCK = {"tea": 12, "coffee": 0}


@agentsup.tool(effect="pure", timeout=5.0)
def in_stock(item: Literal["tea", "coffee"]) -> int:
    """How many packets of an item are in stock.

    Args:
        item: The article.
    """
    return STOCK[item]


@agentsup.tool(effect="idempotent")
async def order(item: str, packets: int, info: agentsup.SessionInfo) -> str:
    """Order packets of an item."""
    if packets > STOCK.get(item, 0):
        raise agentsup.ToolError(f"only {STOCK.get(item, 0)} packets of {item} are there")
    return f"order {info.call_id}: {packets} x {item}"  # the call id is the same if the call is run again


async def main() -> None:
    async with open_setting() as setting:
        spec = agentsup.SessionSpec(provider=setting.provider, tools=[in_stock, order])
        prompt = setting.prompt(
            "Check the stock of tea and coffee, then order 2 packets of each.",
            '@tool in_stock {"item": "tea"}\n@tool in_stock {"item": "coffee"}\n'
            '@tool order {"item": "coffee", "packets": 2}\n@say In stock, and what became of the order: {results}',
        )
        result = await agentsup.run(spec, prompt)
    print(result.text)
    print("tools asked for:", ", ".join(use.name for use in result.tool_uses))


if __name__ == "__main__":
    trio.run(main)
