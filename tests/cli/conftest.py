"""The command in this process, where it is quick, and a simulator in a process of its own for it to talk to."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import attrs
import httpx
import pytest
import structlog

from agentsup.cli.command import perform

HEADERS = {"x-api-key": "key", "anthropic-beta": "managed-agents-2026-04-01"}


@attrs.frozen
class Place:
    """A simulator's address, with one agent and one environment there."""

    url: str
    agent: str
    environment: str
    http: httpx.Client

    @property
    def options(self):
        return ["--base-url", self.url, "--agent", self.agent, "--environment", self.environment]

    def sessions(self):
        return self.http.get("/v1/sessions", params={"limit": 100}).json()["data"]

    def interrupt_all(self):
        """For a test that leaves something running there on purpose."""
        for session in self.sessions():
            events = {"events": [{"type": "user.interrupt"}]}
            self.http.post(f"/v1/sessions/{session['id']}/events", json=events)

    def health(self):
        return self.http.get("/_sim/health").json()


@attrs.frozen
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def place():
    process = subprocess.Popen(
        [sys.executable, "-m", "agentsup", "sim", "--while-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        url = process.stdout.readline().split()[1]
        with httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as http:
            agent = http.post("/v1/agents", json={"name": "tester", "model": "claude-test"}).json()["id"]
            environment = http.post("/v1/environments", json={"name": "here"}).json()["id"]
            yield Place(url, agent, environment, http)
        process.stdin.close()


@pytest.fixture
def command(capsys, monkeypatch):
    """The command in this process: arguments in, `Ended` out. The key is there, and no other setting of the user's."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    for name in ("ANTHROPIC_BASE_URL", "AGENTSUP_AGENT", "AGENTSUP_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments):
        with kept_logging(), contextlib.ExitStack() as stack:
            path = list(sys.path)
            stack.callback(lambda: sys.path.__setitem__(slice(None), path))
            status = perform([str(argument) for argument in arguments])
        return Ended(status, *capsys.readouterr())

    return command


@contextlib.contextmanager
def kept_logging():
    """The command configures structlog, which is the process's; leave it as it was."""
    before = structlog.get_config()
    try:
        yield
    finally:
        structlog.configure(**before)
