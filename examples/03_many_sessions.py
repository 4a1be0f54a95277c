"""A small service: one session per customer, found by id, and one listener that hears how every request ended."""

from __future__ import annotations

import trio
from setting import Setting, open_setting

import agentsup

CUSTOMERS = ("ada", "grace", "edsger", "barbara")


async def on_message(runtime: agentsup.Runtime, spec: agentsup.SessionSpec, customer: str, text: str) -> None:
    """What a web handler would do: find the customer's session, or start it, and hand the message over."""
    try:
        ref = runtime.session(customer)
    except agentsup.NoSuchSession:
        try:
            ref = await runtime.start_session(customer, spec)
        except agentsup.AlreadyStarted as exc:  # another handler was faster
            ref = exc.ref
    await ref.message(text)


async def deliver(terminals: agentsup.Subscription, count: int) -> None:
    """What sends the answers out: one loop for the whole service."""
    delivered = 0
    async for event in terminals:
        if event.result is not None:
            delivered += 1
            print(f"{event.session_id}: {event.result.text}")
        if delivered == count:
            return


async def serve(runtime: agentsup.Runtime, setting: Setting) -> None:
    spec = agentsup.SessionSpec(provider=setting.provider)
    async with runtime.subscribe() as terminals, trio.open_nursery() as nursery:
        nursery.start_soon(deliver, terminals, 2 * len(CUSTOMERS))
        for customer in CUSTOMERS:
            for word in ("Good morning", "Goodbye"):
                text = setting.prompt(f"Answer with: {word}, {customer}.", f"@say {word}, {customer}.")
                nursery.start_soon(on_message, runtime, spec, customer, text)
    for ref in runtime.sessions():
        info = await ref.info()
        print(f"{ref.id}: {info.state}, {info.turns} turns")


async def main() -> None:
    async with open_setting() as setting, agentsup.open_runtime() as runtime:
        await serve(runtime, setting)


if __name__ == "__main__":
    trio.run(main)
