"""What goes wrong between a session and its provider has a line in the log, with what to look for and nothing that was said."""

from __future__ import annotations

import pytest
import structlog

import agentsup


def lines(logs):
    """The session's own reports, without what they are about."""
    return [(line["log_level"], line["event"]) for line in logs if line["event"].startswith("session.")]


async def test_a_cut_is_told(world, autojump_clock):
    """Which session it was, how often in a row, and why."""
    ref = await world.start()
    with structlog.testing.capture_logs() as logs:
        assert (await ref.submit("@cut\n@say there")).text == "there"

    assert lines(logs) == [("info", "session.connection_lost")]
    (line,) = logs
    assert (line["session_id"], line["attempt"]) == (ref.id, 1)
    assert line["provider_session_id"] == (await ref.info()).provider_session_id
    assert line["reason"]
    assert "there" not in repr(logs)


async def test_a_provider_that_is_away_is_a_warning(world, autojump_clock):
    """From the second time in a row on."""
    ref = await world.start()
    world.sim.fault(method="GET", path="/v1/sessions/*/events", status=503, times=2)
    with structlog.testing.capture_logs() as logs:
        assert (await ref.submit("@cut\n@say there")).text == "there"

    assert [(level, line["attempt"]) for (level, _), line in zip(lines(logs), logs, strict=True)] == [
        ("info", 1),
        ("warning", 2),
        ("warning", 3),
    ]


async def test_an_error_of_the_providers_is_a_warning(world, autojump_clock):
    """In its own word, and with what it does about it."""
    ref = await world.start()
    with structlog.testing.capture_logs() as logs:
        await ref.submit("@error model_overloaded_error retrying\n@say there")

    assert lines(logs) == [("warning", "session.provider_error")]
    assert (logs[0]["kind"], logs[0]["retry"]) == ("model_overloaded_error", "retrying")


async def test_a_refused_session_is_an_error(world, autojump_clock):
    """One line for the request, one for the session; with the status, for whoever mends it."""
    ref = await world.start()
    world.sim.fault(method="POST", path="/v1/sessions/*/events", status=403, times=99)
    with structlog.testing.capture_logs() as logs, pytest.raises(agentsup.ProviderFailed):
        await ref.submit("@say Ada")

    assert lines(logs) == [("warning", "session.request_failed"), ("error", "session.failed")]
    assert {line["status"] for line in logs} == {403}
    assert "Ada" not in repr(logs)


async def test_what_was_asked_for_is_no_fault(world, autojump_clock):
    """An interrupt, a limit and an abort are told to whoever waits, and to nobody else."""
    ref = await world.start(limits=agentsup.Limits(timeout=5.0))
    with structlog.testing.capture_logs() as logs:
        with pytest.raises(agentsup.RequestTimeout):
            await ref.submit("@sleep 60")
        await ref.abort()

    assert lines(logs) == []


async def test_a_session_that_is_given_up_is_an_error(world, autojump_clock):
    """Beside the crash reports that say why."""
    ref = await world.start(restart=agentsup.Restart(intensity=0))
    with structlog.testing.capture_logs() as logs:
        await agentsup.testing.crash(ref)
        with pytest.raises(agentsup.SessionClosed):
            await ref.submit("@say there")

    assert lines(logs) == [("error", "session.given_up")]
