"""The command `agentsup`: its verbs, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

import agentsup
from agentsup.cli.complaint import complaint_about
from agentsup.cli.demo import demo
from agentsup.cli.exits import Exit, table
from agentsup.cli.output import NoReader, stand_in
from agentsup.cli.run import run
from agentsup.cli.settings import Settings, common_options
from agentsup.cli.signals import Signalled
from agentsup.cli.sim import sim
from agentsup.otp import root_causes

_EPILOG = "\b\nExit status:\n" + "\n".join(table())


@click.group(epilog=_EPILOG, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(agentsup.__version__, message="agentsup %(version)s")
@common_options
@click.pass_context
def cli(context: click.Context) -> None:
    """Supervised LLM agent sessions.

    `agentsup demo` shows what it is for, offline. `agentsup run` asks an agent. `agentsup sim` is a provider for tests.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


cli.add_command(demo)
cli.add_command(run)
cli.add_command(sim)


def perform(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status. Whatever goes wrong is one sentence on stderr, and a traceback only with `--debug`."""
    settings = Settings()
    stand_in()
    settings.apply()
    _print_anything()
    try:
        answer = cli.main(arguments, prog_name="agentsup", standalone_mode=False, obj=settings)
        sys.stdout.flush()
    except BaseException as exc:  # noqa: BLE001  -- the outermost border: whatever it is becomes a sentence and a status
        return _ended_by(exc, settings)
    return int(answer or 0)


def _ended_by(error: BaseException, settings: Settings) -> int:
    causes = root_causes(error)
    match causes[0]:
        case Signalled() as signalled:
            return _quietly(signalled.status)
        case KeyboardInterrupt() | click.Abort():  # outside of trio: the imports, reading stdin
            return _quietly(Exit.INTERRUPTED)
        case NoReader() | BrokenPipeError() if all(isinstance(cause, NoReader | BrokenPipeError) for cause in causes):
            return _quietly(Exit.NO_READER)
        case cause:
            return _complain(cause, settings)


def _print_anything() -> None:
    """No terminal is too old for an agent's answer: what it cannot show is shown as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _quietly(status: int) -> int:
    """Leave without another word; what still waits to be written may have no reader."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _complain(error: BaseException, settings: Settings) -> int:
    if settings.debug:
        traceback.print_exception(error, file=sys.stderr)
    complaint = complaint_about(error, base_url=settings.base_url)
    click.echo(f"agentsup: {complaint.sentence}", err=True)
    return _quietly(complaint.status)
