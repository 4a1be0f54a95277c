"""`agentsup run`: one prompt to completion."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial

import attrs
import click
import trio

import agentsup
from agentsup.cli.exits import Exit, of_terminal
from agentsup.cli.output import said, write, write_json
from agentsup.cli.settings import Settings, common_options
from agentsup.cli.signals import until_signalled
from agentsup.cli.toolpath import tools_at
from agentsup.errors import Problem
from agentsup.running import one_session
from agentsup.talk.result import SessionResult
from agentsup.wire.codec import result_as_json

_PATIENCE = agentsup.Reconnect(initial=0.25)
"""Somebody sits and waits: an address at which nothing answers is told within four seconds, and no herd comes back together."""


@attrs.frozen
class _Job:
    """What the command line asks for."""

    spec: agentsup.SessionSpec
    prompt: str = attrs.field(repr=False)
    timeout: float | None


@click.command()
@click.argument("prompt")
@click.option("--agent", metavar="ID", envvar="AGENTSUP_AGENT", help="The agent. [env AGENTSUP_AGENT]")
@click.option(
    "--environment", metavar="ID", envvar="AGENTSUP_ENVIRONMENT", help="The environment. [env AGENTSUP_ENVIRONMENT]"
)
@click.option("--session", metavar="ID", help="Go on with this session of the provider's instead of beginning one.")
@click.option("--base-url", metavar="URL", help="Where the provider is. [env ANTHROPIC_BASE_URL]")
@click.option(
    "--tools", metavar="MODULE:NAME", multiple=True, help="A tool, a function or a list of them; may be given again."
)
@click.option("--timeout", metavar="SECONDS", type=float, help="Give up after this long; 600 if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON instead of the text.")
@common_options
def run(
    prompt: str,
    *,
    agent: str | None,
    environment: str | None,
    session: str | None,
    base_url: str | None,
    tools: tuple[str, ...],
    timeout: float | None,
    as_json: bool,
) -> int:
    """Ask an agent of Claude Managed Agents, and print its answer as it comes.

    PROMPT is the text, or - to read it from stdin. Tools run here. ANTHROPIC_API_KEY has the key. Ends with status 0 when the agent
    ended its turn; `agentsup --help` lists the others.
    """
    click.get_current_context().ensure_object(Settings).base_url = base_url
    provider = agentsup.ClaudeManagedAgents(agent=agent, environment=environment, session_id=session, base_url=base_url)
    found = tuple(tool for path in tools for tool in tools_at(path))
    spec = agentsup.SessionSpec(provider=provider, tools=found, reconnect=_PATIENCE)
    job = _Job(spec, _text_of(prompt), timeout)
    problems = [Problem(f"provider.{problem.path}", problem.message) for problem in provider.problems()]
    if problems:
        raise agentsup.SpecError(problems)
    return trio.run(until_signalled, partial(_as_json if as_json else _as_text, job))


def _text_of(prompt: str) -> str:
    text = _stdin() if prompt == "-" else prompt
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError("PROMPT must be UTF-8 text") from None
    if not text.strip():
        raise click.UsageError("PROMPT must not be empty: the agent is told nothing by it")
    return text


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as exc:
        raise click.UsageError(f"PROMPT from stdin must be UTF-8 text; byte {exc.start} is not") from None


async def _as_text(job: _Job) -> int:
    async with agentsup.open_runtime() as runtime, one_session(runtime, job.spec, timeout=job.timeout) as ref:
        pieces = ref.stream(job.prompt)
        begun = False
        try:
            async for piece in pieces:
                begun = True
                write(said(piece))
        finally:
            if begun:
                write("\n")
        assert pieces.result is not None
        return _told(pieces.result)


async def _as_json(job: _Job) -> int:
    try:
        result = await agentsup.run(job.spec, job.prompt, timeout=job.timeout)
    except agentsup.RequestFailed as exc:
        write_json(result_as_json(exc.result))
        raise
    write_json(result_as_json(result))
    return _told(result)


def _told(result: SessionResult) -> Exit:
    """The status; what is not an answer is also said in a sentence."""
    status = of_terminal(result.terminal)
    if status is not Exit.OK:
        waits = status is Exit.REQUIRES_ACTION
        what = "the agent waits for an action this command cannot give" if waits else "the agent did not end its turn"
        sys.stderr.write(f"agentsup: {what} ({_reason(result)})\n")
    return status


def _reason(result: SessionResult) -> str:
    """Why the request ended, in the provider's own words."""
    reason = result.stop_reason
    if isinstance(reason, Mapping):
        return f"stop reason: {reason.get('type')}"
    errors = [raw["error"] for raw in result.events if isinstance(raw.get("error"), Mapping)]
    return f"{errors[-1].get('type')}: {errors[-1].get('message')}" if errors else f"stop reason: {reason}"
