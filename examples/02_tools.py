"""Tools: typed functions that run in this process when the model asks for them, with arguments that have been checked."""

from __future__ import annotations

import enum
from typing import Annotated

import attrs
import trio
from setting import open_setting

import agentsup


class Item(enum.Enum):
    """What is sold."""

    TEA = "tea"
    COFFEE = "coffee"


@attrs.frozen
class Line:
    """One line of an order."""

    item: Item
    packets: Annotated[int, "How many packets; 1 if not given."] = 1


STOCK = {Item.TEA: 12, Item.COFFEE: 0}


@agentsup.tool(effect="pure", timeout=5.0)
def in_stock(item: Item) -> int:
    """How many packets of an item are in stock.

    Args:
        item: The article.
    """
    return STOCK[item]


@agentsup.tool(effect="idempotent")
async def order(lines: list[Line], info: agentsup.SessionInfo) -> str:
    """Order something."""
    for line in lines:
        if line.packets > STOCK[line.item]:
            raise agentsup.ToolError(f"only {STOCK[line.item]} packets of {line.item.value} are there")
    return f"order {info.call_id}: {len(lines)} lines"  # the call id is the same if the call is run again


@agentsup.tool(effect="pure")
async def label(item: Item) -> list[object]:
    """What an item's packet looks like."""
    return [
        f"{item.value}:",
        agentsup.Image(data=b"the bytes of a picture", media_type="image/png"),
        {"colour": "green"},
    ]


async def main() -> None:
    async with open_setting(in_stock, order, label) as setting:
        spec = agentsup.SessionSpec(provider=setting.provider, tools=[in_stock, order, label])
        prompt = setting.prompt(
            "Check the stock of tea and coffee, look at the tea's label, then order 2 packets of coffee.",
            '@tool in_stock {"item": "tea"}\n@tool in_stock {"item": "coffee"}\n'
            '@tool order {"lines": [{"item": "coffee", "packets": 2}]}\n@say In stock, and what became of the order: {results}\n'
            '@tool label {"item": "tea"}\n@tool order {"lines": [{"item": "cocoa", "pieces": 2}]}\n@say {results}',
        )
        result = await agentsup.run(spec, prompt)
    print(result.text)
    print("tools asked for:", ", ".join(use.name for use in result.tool_uses))


if __name__ == "__main__":
    trio.run(main)
