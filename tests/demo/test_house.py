"""Where sessions live."""

from __future__ import annotations

from agentsup.demo.house import houses


def test_every_third():
    """The third of each three lives at Bedrock AgentCore, so that one or two all live at Claude Managed Agents."""
    assert houses(2) == ("claude", "claude")
    assert houses(12) == ("claude", "claude", "agentcore") * 4


def test_live():
    """Where it costs money all live at Claude Managed Agents."""
    assert houses(6, live=True) == ("claude",) * 6
