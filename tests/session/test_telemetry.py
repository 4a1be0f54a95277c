"""What happens is told in numbers to whoever measures, and costs nobody anything else."""

from __future__ import annotations

import pytest
import structlog
import trio

import agentsup
from agentsup import telemetry
from agentsup.testing import crash


@agentsup.tool(effect="pure")
async def shout(text: str) -> str:
    """Say it loud."""
    return text.upper()


@pytest.fixture
def events():
    seen = []
    with telemetry.attached(seen.append):
        yield seen


async def test_a_session_from_start_to_end(world, events, autojump_clock):
    """Every kind of event a session gives rise to, with its measurements and metadata as the table has them; content is in none."""
    ref = await world.start(shout, metadata={"tenant": "t1"}, approval=lambda use, info: True)
    await ref.submit(
        '@say secret-content\n@tool shout {"text": "secret-content"}\n@ask delete {}\n@usage 3 4\n@say {results}'
    )
    await crash(ref)
    await ref.submit("@cut\n@say after")
    await ref.close()

    names = {event.name for event in events}
    assert names >= {
        "session.started",
        "session.restarted",
        "session.stopped",
        "stream.connected",
        "connection.lost",
        "request.started",
        "request.stopped",
        "turn.stopped",
        "tool.started",
        "tool.stopped",
        "approval.given",
        "http.stopped",
        "child.restarted",
    }
    for event in events:
        kind = telemetry.EVENTS[event.name]
        assert set(event.measurements) == set(kind.measurements)
        assert set(event.metadata) == set(kind.metadata)
        assert all(isinstance(value, int | float) for value in event.measurements.values())
    assert "secret-content" not in repr(events)
    stopped = next(event for event in events if event.name == "request.stopped")
    assert (stopped.measurements["input_tokens"], stopped.measurements["output_tokens"]) == (3, 4)
    assert stopped.metadata["labels"] == {"tenant": "t1"}


async def test_a_hook_that_raises_is_detached_and_said(world, autojump_clock):
    """The session does not feel it, and other hooks go on."""
    seen = []

    def broken(event):
        raise RuntimeError("a faulty listener")

    with structlog.testing.capture_logs() as logs, telemetry.attached(broken), telemetry.attached(seen.append):
        ref = await world.start()
        result = await ref.submit("@say fine")

    assert result.text == "fine"
    assert len(seen) > 3
    assert [log["event"] for log in logs if log["event"].startswith("telemetry")] == ["telemetry.hook_detached"]


async def test_dropped_events_are_counted(world, events, autojump_clock):
    """A subscriber that is too slow shows up in the numbers."""
    ref = await world.start()
    async with ref.subscribe(buffer=1):
        await ref.submit("@say one\n@say two")
        await trio.sleep(1)

    dropped = [event for event in events if event.name == "channel.dropped"]
    assert dropped
    assert dropped[0].metadata == {"session_id": "s1", "overflow": "drop_oldest"}


def test_only_what_can_be_called_is_a_hook():
    """Refused at the door; detaching what is not attached is fine."""
    with pytest.raises(TypeError):
        telemetry.attach("not a hook")
    telemetry.detach(print)
    assert not telemetry.listening()
