"""What must not be told is not told: not by values, not by logs, not by errors, not by the tree."""

from __future__ import annotations

import traceback

import attrs
import structlog

import agentsup
from agentsup.testing import crash, open_simulator
from tests.kit.providers import at_claude

HIDDEN = ("sk-ant-of-mine", "asked-by-mine", "answered-by-mine", "given-to-mine", "told-by-mine", "context-of-mine")


@agentsup.tool(effect="pure")
async def mine(word: str) -> str:
    if word == "given-to-mine":
        raise ValueError("told-by-mine")
    return word


async def test_neither_key_nor_content_shows(autojump_clock):
    """A session that works, crashes, is refused and ends tells its story in logs, errors and snapshots without a word of what was said."""
    shown = []

    def show(*values):
        shown.extend([*map(repr, values), *map(str, values)])

    async with open_simulator() as sim, sim.client() as http:
        provider = await at_claude(http, api_key=HIDDEN[0])
        spec = agentsup.SessionSpec(provider=provider, tools=[mine], context="context-of-mine")
        with structlog.testing.capture_logs() as logs:
            async with agentsup.open_runtime() as runtime:
                ref = await runtime.start_session("s", spec)
                result = await ref.submit('asked-by-mine\n@tool mine {"word": "given-to-mine"}\n@say answered-by-mine')
                await crash(ref)
                for status in (400, 401):
                    sim.fault(method="POST", path="/v1/sessions/*/events", status=status)
                    try:
                        await ref.submit("asked-by-mine")
                    except agentsup.AgentsupError as exc:
                        show(
                            exc,
                            *exc.args,
                            "".join(line for line in traceback.format_exception(exc) if "submit(" not in line),
                        )
                show(
                    provider,
                    spec,
                    mine,
                    runtime,
                    ref,
                    result,
                    *result.tool_uses,
                    await ref.info(),
                    *await ref.history(),
                )
                show(runtime.tree(), runtime.sessions(), attrs.asdict(await ref.info()))
                async with ref.subscribe(after=0, overflow="block") as events:
                    async for event in events:
                        show(event, event.body)
        show(*logs)

    assert result.text == "answered-by-mine"  # it was said
    assert logs  # and there was something to log
    assert [word for word in HIDDEN if any(word in text for text in shown)] == []
