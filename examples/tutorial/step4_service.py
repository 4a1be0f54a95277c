"""Step 4: a service with a session for every customer."""

from __future__ import annotations

import trio
from step1_ask import open_provider
from step2_tool import order_status

import agentsup


class SupportDesk:
    """Messages come in by customer; answers go out as they are ready."""

    def __init__(self, runtime: agentsup.Runtime, spec: agentsup.SessionSpec) -> None:
        self._runtime = runtime
        self._spec = spec
        self.outbox: list[tuple[str, str]] = []

    async def receive(self, customer: str, text: str) -> None:
        """Take a message; returns once it is accepted."""
        ref = await self._session(customer)
        await ref.message(text)

    async def _session(self, customer: str) -> agentsup.SessionRef:
        try:
            return self._runtime.session(customer)
        except agentsup.NoSuchSession:
            return await self._runtime.start_session(customer, self._spec)

    async def deliver(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Put every answer of every session into the outbox, for as long as the runtime is open."""
        async with self._runtime.subscribe() as terminals:
            task_status.started()
            async for event in terminals:
                if event.result is not None:
                    self.outbox.append((event.session_id, event.result.text))


async def main() -> None:
    async with open_provider() as provider, trio.open_nursery() as nursery, agentsup.open_runtime() as runtime:
        spec = agentsup.SessionSpec(provider=provider, tools=[order_status], limits=agentsup.Limits(timeout=60.0))
        desk = SupportDesk(runtime, spec)
        await nursery.start(desk.deliver)  # ends when the runtime is left, after the last event
        await desk.receive("ada", '@tool order_status {"number": 7}\n@say Ada, it is {results}.')
        await desk.receive("grace", '@tool order_status {"number": 8}\n@say Grace, it is {results}.')
        await runtime.session("ada").submit("@say You are welcome, Ada.")  # queues behind the one before
        await runtime.session("grace").close()  # lets the running request finish
    for customer, answer in desk.outbox:
        print(f"{customer}: {answer}")


if __name__ == "__main__":
    trio.run(main)
