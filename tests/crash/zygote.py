"""A process that has imported everything and opened nothing: each life is forked off it, so that a hundred of them take seconds.

It reads one line of orders at a time, forks, waits for the child, and answers with its exit status; `kill` after so many seconds, if asked.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

from tests.crash import crowd, points, worker  # noqa: F401  -- imported once, for all lives

HANGS = 30.0
"""Seconds after which a life that does not end is taken for stuck."""


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.write(json.dumps(one_life(order["orders"], order.get("kill_after"))) + "\n")
        sys.stdout.flush()


def one_life(orders: dict[str, object], kill_after: float | None) -> dict[str, object]:
    """Fork, wait, say how it ended."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            log = os.open(os.path.join(orders["folder"], "log"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            os.dup2(log, 1)
            os.dup2(log, 2)
            signal.setitimer(signal.ITIMER_REAL, HANGS)  # SIGALRM ends it: a stuck life must not hang the test
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            crowd.main(worker.Orders(**orders)) if orders["crowd"] else worker.main(worker.Orders(**orders))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    if kill_after is not None:
        _kill_later(child, kill_after)
    _, how = os.waitpid(child, 0)
    return {"signal": os.WTERMSIG(how) if os.WIFSIGNALED(how) else None, "status": os.waitstatus_to_exitcode(how)}


def _kill_later(child: int, seconds: float) -> None:
    def kill(*_: object) -> None:
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main()
