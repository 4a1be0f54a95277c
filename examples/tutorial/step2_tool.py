"""Step 2: a tool of yours, which runs in your process."""

from __future__ import annotations

import trio
from step1_ask import open_provider

import agentsup

ORDERS = {7: "on its way", 8: "delivered"}


@agentsup.tool(effect="pure")
def order_status(number: int) -> str:
    """Where an order is.

    Args:
        number: The order's number.
    """
    return ORDERS[number]


ASK_FOR_BOTH = """\
@tool order_status {"number": 7}
@tool order_status {"number": 8}
@say Your orders: {results}."""


async def main() -> None:
    async with open_provider() as provider, agentsup.open_runtime() as runtime:
        spec = agentsup.SessionSpec(provider=provider, tools=[order_status])
        ref = await runtime.start_session("customer-42", spec)

        result = await ref.submit(ASK_FOR_BOTH)
        print(result.text)

        result = await ref.submit('@tool order_status {"number": 9}\n@say {results}')
        print(result.text)


if __name__ == "__main__":
    trio.run(main)
