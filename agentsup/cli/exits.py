"""Exit statuses: what a script can tell from how the command ended. The one place they are given; docs/reference/command.md shows them."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Final

import agentsup
from agentsup.talk.result import Terminal


class Exit(enum.IntEnum):
    """How a command ended. A signal's status is 128 plus its number, as a shell reports it."""

    OK = 0
    BUG = 1
    BAD_INPUT = 2
    REQUIRES_ACTION = 3
    TERMINATED = 4
    TIMEOUT = 5
    TURN_LIMIT = 6
    REFUSED = 7
    UNREACHABLE = 8
    CANNOT_LISTEN = 9
    CHECK_FAILED = 10
    INTERRUPTED = 130
    NO_READER = 141
    STOPPED = 143


MEANING: Final[dict[Exit, str]] = {
    Exit.OK: "done: the agent ended its turn, the demo's checks hold, the simulator was told to stop",
    Exit.BUG: "a bug in agentsup",
    Exit.BAD_INPUT: "bad input: an option, a key that is missing, a tool or a folder that is not there",
    Exit.REQUIRES_ACTION: "the agent waits for something this command cannot give",
    Exit.TERMINATED: "the provider ended the session, or the request ended in another way",
    Exit.TIMEOUT: "the time was up; the provider was told to stop",
    Exit.TURN_LIMIT: "the turns were used up; the provider was told to stop",
    Exit.REFUSED: "the provider refused: the key, the agent, the environment, the session or the request",
    Exit.UNREACHABLE: "the provider could not be reached",
    Exit.CANNOT_LISTEN: "the address cannot be listened on, because the port is in use for instance",
    Exit.CHECK_FAILED: "a check of the demo does not hold",
    Exit.INTERRUPTED: "Ctrl-C; the provider was told to stop",
    Exit.NO_READER: "nobody reads the output any more; the provider was told to stop",
    Exit.STOPPED: "SIGTERM; the provider was told to stop (`agentsup sim` ends with 0 instead)",
}
"""What each of them says."""

_TERMINALS: Final[dict[Terminal, Exit]] = {
    "end_turn": Exit.OK,
    "requires_action": Exit.REQUIRES_ACTION,
    "terminated": Exit.TERMINATED,
}


def of_terminal(terminal: Terminal) -> Exit:
    """The status of a request the provider brought to its end."""
    return _TERMINALS[terminal]


def of_error(error: agentsup.AgentsupError) -> Exit:
    """The status of an error this package raises on purpose."""
    match error:
        case agentsup.SpecError():
            return Exit.BAD_INPUT
        case agentsup.RequestTimeout():
            return Exit.TIMEOUT
        case agentsup.TurnLimitReached():
            return Exit.TURN_LIMIT
        case agentsup.ProviderFailed():
            return Exit.UNREACHABLE if error.status is None else Exit.REFUSED
        case _:
            return Exit.TERMINATED


def table() -> Iterator[str]:
    """The statuses as lines for the help."""
    return (f"{status.value:>4}  {meaning}" for status, meaning in MEANING.items())
