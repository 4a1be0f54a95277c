"""The first moments: nothing that takes time is loaded before somebody is there to take a Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import agentsup

_LOADED = "print(*sorted({'click', 'httpx', 'structlog', 'trio'} & set(sys.modules)))"


def loaded_after(statement):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; {_LOADED}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_entry_point_is_light():
    """The command's first module brings nothing heavy; only then does it begin to load what it needs, and can be interrupted in it."""
    assert loaded_after("import agentsup.cli.main") == []


def test_the_kernel_alone_brings_no_http_client():
    """Who needs actors and supervisors only does not pay for talking to providers."""
    assert loaded_after("from agentsup import otp") == ["structlog", "trio"]


def test_interrupted_while_loading():
    """A Ctrl-C in the middle of the imports ends the command with the status for it, and without a word."""
    script = f"""
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "agentsup.cli.complaint":
            signal.raise_signal({int(signal.SIGINT)})
sys.meta_path.insert(0, Interrupting())
from agentsup.cli.main import main
main(["--version"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_every_public_name_is_there():
    """Names that are imported when they are first used are all there, and are the ones a type checker sees; others are not."""
    for name in agentsup.__all__:
        assert getattr(agentsup, name) is not None

    assert set(agentsup.__all__) - {"__version__", *agentsup._ROOMS} == set(agentsup._HOME_OF)
    assert set(agentsup.__all__) <= set(dir(agentsup))
    assert agentsup.testing.crash is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = agentsup.nonsense
