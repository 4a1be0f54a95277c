"""What is alive in this process."""

from __future__ import annotations

import socket
import subprocess
import sys

import trio
import trio.testing

from agentsup.demo.census import Census


async def test_nothing_left():
    """Between two looks with nothing between them, nothing is left."""
    before = Census.take()

    assert Census.take().left_since(before) == ()


async def test_sees_a_task(nursery):
    """A task that still runs is seen."""
    before = Census.take()
    nursery.start_soon(trio.sleep_forever)

    assert Census.take().left_since(before) == ("1 tasks",)
    nursery.cancel_scope.cancel()


async def test_sees_a_socket():
    """A socket that is open is seen, and not any more once it is closed."""
    before = Census.take()
    with socket.socket():
        assert Census.take().left_since(before) == ("1 sockets",)

    assert Census.take().left_since(before) == ()


def test_sees_a_process():
    """A child process is seen, running or ended, until it was waited for. In a process of its own, since this one may have others."""
    script = """
import subprocess, sys, trio
from agentsup.demo.census import Census
async def main():
    before = Census.take()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    running = Census.take().left_since(before)
    child.communicate(b"\\n")
    print(running, Census.take().left_since(before))
trio.run(main)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout == "('a process',) ()\n"
