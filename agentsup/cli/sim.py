"""`agentsup sim`: the simulator as a process."""

from __future__ import annotations

import os
import signal
import sys
import threading

import click

from agentsup.cli.extras import need_web
from agentsup.cli.settings import common_options


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), show_default=True, help="The port; 0 takes a free one."
)
@click.option(
    "--strict-resume",
    is_flag=True,
    help="AgentCore: a resume must send the tool uses again, not only their results, as older services want it.",
)
@click.option("--while-stdin", is_flag=True, help="End when stdin ends: for a parent that must not leave it behind.")
@common_options
def sim(*, host: str, port: int, strict_resume: bool, while_stdin: bool) -> int:
    """Be the other side: a provider that does what the messages tell it, for tests and demonstrations.

    Prints `ready http://HOST:PORT` when it listens. Any API key will do; the AWS key is AKIDEXAMPLE, with the secret of AWS's own
    examples. Ends with status 0 on SIGTERM.
    """
    need_web("the simulator")
    from agentsup.sim import HarnessRules, process

    if while_stdin:
        threading.Thread(target=_end_with_stdin, name="while-stdin", daemon=True).start()
    return process.main(host, port, HarnessRules(strict_resume=strict_resume))


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
