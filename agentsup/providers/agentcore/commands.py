"""A command in a session's machine, as a request."""

from __future__ import annotations

from typing import Final

from agentsup.providers.aws.sending import Ask
from agentsup.wire import jsontext
from agentsup.wire.agentcore import requests

MARGIN: Final = 60.0
"""Seconds of silence beyond a command's own time after which its stream is given up."""


def command_ask(arn: str, session_id: str, command: str, *, what: str, timeout: int, qualifier: str | None) -> Ask:
    """The request that runs a command; a machine is made for a session that has none.

    Args:
        arn: the harness's ARN: never the ARN of the runtime under it, which the harness owns.
        session_id: whose machine.
        command: for a shell of its own; nothing but files outlives it.
        what: what it is for, for errors.
        timeout: seconds it may take.
        qualifier: the harness's endpoint; else `DEFAULT`.
    """
    return Ask(
        what=what,
        method="POST",
        segments=("runtimes", arn, "commands"),
        query=requests.qualified(qualifier),
        headers={
            "content-type": "application/json",
            "accept": "application/vnd.amazon.eventstream",
            requests.SESSION_HEADER: session_id,
        },
        body=jsontext.body_of({"command": command, "timeout": timeout}),
        silence=timeout + MARGIN,
        stream=True,
    )
