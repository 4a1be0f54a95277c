"""What went wrong as one sentence on stderr, and the exit status that goes with it."""

from __future__ import annotations

from typing import Final

import attrs
import click

import agentsup
from agentsup.cli.exits import Exit, of_error
from agentsup.demo.simulator import SimulatorFailed
from agentsup.errors import Problem
from agentsup.providers.address import base_url_of
from agentsup.providers.base import Rejected, Unavailable

_WORDS: Final = {
    "provider.agent": "--agent",
    "provider.environment": "--environment",
    "provider.api_key": "the API key",
    "provider.base_url": "--base-url",
    "limits.timeout": "--timeout",
    "content": "PROMPT",
}
"""How a person at the command calls what the library calls by its paths."""

_RIGHT: Final = {
    "the API key": "is missing: set ANTHROPIC_API_KEY",
    "--agent": "is missing: pass an agent's id (or set AGENTSUP_AGENT), or --session to go on with a session",
    "--environment": "is missing: pass an environment's id (or set AGENTSUP_ENVIRONMENT)",
}
"""What would be right, where the library's own words speak of Python arguments."""

_ADVICE: Final = {
    401: "check ANTHROPIC_API_KEY",
    403: "check what ANTHROPIC_API_KEY may do",
    404: "check --agent, --environment or --session, and that the key belongs to their workspace",
}
"""HTTP status to what a person can do about it."""


@attrs.frozen
class Complaint:
    """A sentence and a status."""

    sentence: str
    status: int


def complaint_about(error: BaseException, *, base_url: str | None = None) -> Complaint:
    """The sentence and the status for whatever ended the command.

    Args:
        error: What ended it.
        base_url: Where the provider was looked for, as far as an option said so.
    """
    match error:
        case click.ClickException():
            return Complaint(_of_click(error), error.exit_code)
        case agentsup.SpecError():
            return Complaint("; ".join(_of_problem(problem) for problem in error.problems), Exit.BAD_INPUT)
        case agentsup.ProviderFailed():
            return Complaint(_of_refusal(str(error), error.status, base_url), of_error(error))
        case Rejected():
            status = Exit.UNREACHABLE if error.failure.status is None else Exit.REFUSED
            return Complaint(_of_refusal(str(error), error.failure.status, base_url), status)
        case Unavailable():
            return Complaint(_of_refusal(str(error), None, base_url), Exit.UNREACHABLE)
        case SimulatorFailed():
            return Complaint(str(error), Exit.UNREACHABLE)
        case agentsup.AgentsupError():
            return Complaint(str(error), of_error(error))
        case _:
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return Complaint(f"this is a bug in agentsup, --debug shows where: {said}", Exit.BUG)


def _of_click(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message}; see {error.ctx.command_path} --help"
    return message


def _of_problem(problem: Problem) -> str:
    word = _WORDS.get(problem.path, problem.path)
    right = _RIGHT.get(word) if problem.message.startswith("is missing") else None
    return f"{word} {right or problem.message}".strip()


def _of_refusal(said: str, http_status: int | None, base_url: str | None) -> str:
    if http_status is None:
        where = base_url_of(base_url)
        return f"{where} cannot be reached ({said}); check the network and --base-url"
    advice = _ADVICE.get(http_status)
    return f"{said}; {advice}" if advice else said
