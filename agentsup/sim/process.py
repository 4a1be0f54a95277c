"""`agentsup sim` as a process: one ready line, and an exit status that says how it ended."""

from __future__ import annotations

import errno
import resource
import signal
import sys
from contextlib import suppress

import trio

from .agentcore import HarnessRules
from .server import listen, serve_on

MOST_FILES = 65_536
"""More connections than one machine's tests open; beyond it a system's limit is no limit on purpose."""

EXIT_OK = 0
EXIT_CANNOT_LISTEN = 9
"""The status the command has for it, in the table of docs/reference/command.md."""

EXIT_INTERRUPTED = 130
"""What a shell reports for a program ended by Ctrl-C."""


def main(host: str = "127.0.0.1", port: int = 0, harness: HarnessRules | None = None) -> int:
    """Serves a simulator until SIGTERM or Ctrl-C and returns the exit status.

    Prints exactly one line on stdout, `ready http://HOST:PORT`, when it listens. Returns 0 after SIGTERM, 130 after Ctrl-C, and 9
    without that line, but with the reason on stderr, where the address cannot be listened on.
    """
    if not 0 <= port <= 65535:
        return _fail(f"the port must be between 0 and 65535, not {port}")
    allow_many_files()
    try:
        return trio.run(_serve_until_signal, host, port, harness)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:
        right = "; --port 0 takes a free one" if error.errno == errno.EADDRINUSE else ""
        return _fail(f"cannot listen on {host}:{port}: {error.strerror or error}{right}")


def allow_many_files() -> None:
    """Lets this process have as many connections as the system grants it: each is an open file, and some shells allow 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # a system that grants less than it says is lived with
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _fail(reason: str) -> int:
    sys.stderr.write(f"agentsup sim: {reason}\n")
    return EXIT_CANNOT_LISTEN


async def _serve_until_signal(host: str, port: int, harness: HarnessRules | None) -> int:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        listener = await listen(host, port)
        async with trio.open_nursery() as nursery:
            url = await nursery.start(serve_on, listener, harness)
            sys.stdout.write(f"ready {url}\n")
            sys.stdout.flush()
            number = await anext(signals)
            nursery.cancel_scope.cancel()
    return EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_OK
