"""InvokeAgentRuntimeCommand: a real shell in a private folder, whose processes and files do not outlive the session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import botocore.exceptions
import httpx
import pytest
import trio

from .peer import BROKEN, SESSION, Planes, code, fields, status, until, user

RUN = os.getpid()
"""In the markers of this run's processes: what an earlier one may have left is not ours to wait for."""

DAEMON = "setsid sh -c 'touch up; exec sleep {}' {} & while [ ! -e up ]; do sleep 0.01; done; echo done"

DONE = {"contentStop": {"exitCode": 0, "status": "COMPLETED"}}


@pytest.fixture(autouse=True)
def _a_place_of_its_own(tmp_path, monkeypatch):
    """Folders of other tests that run at the same time are not seen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
async def harness(aws):
    return await aws.harness(environmentVariables={"GREETING": "hello"})


def output(chunks, name="stdout"):
    """Everything a command said on one of its pipes."""
    return "".join(chunk["contentDelta"].get(name, "") for chunk in chunks if "contentDelta" in chunk)


def alive(marker):
    """The processes with a marker in their command line; what has ended and only waits to be collected does not count."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if marker.encode() in line and int(entry.parent.name) != os.getpid():
            found.append(int(entry.parent.name))
    return found


def folders():
    """The private folders there are."""
    return {path.name for path in Path(tempfile.gettempdir()).glob("agentsup-sim-*")}


async def test_output_and_exit_codes(aws, harness):
    """Start, what it said on both pipes, and how it ended; the shell's own conventions for signals."""
    both = await aws.run(harness, "echo out; echo err >&2; exit 3")
    silent = await aws.run(harness, "true")
    unknown = await aws.run(harness, "no-such-command-anywhere")
    killed = await aws.run(harness, "kill -9 $$")

    assert both[0] == {"contentStart": {}}
    assert (output(both), output(both, "stderr")) == ("out\n", "err\n")
    assert both[-1] == {"contentStop": {"exitCode": 3, "status": "COMPLETED"}}
    assert silent == [{"contentStart": {}}, DONE]
    assert unknown[-1]["contentStop"]["exitCode"] == 127
    assert killed[-1]["contentStop"]["exitCode"] == 137


async def test_clean_environment_and_empty_input(aws, harness, monkeypatch):
    """Nothing of ours is in it, what the harness defines is; stdin is empty; the folder is private and is home."""
    monkeypatch.setenv("AGENTSUP_TEST_SECRET", "leak")
    shown = output(await aws.run(harness, "env; cat; pwd; stat -c %a ."))
    variables = dict(line.partition("=")[::2] for line in shown.splitlines() if "=" in line)

    assert "leak" not in shown
    assert variables["GREETING"] == "hello"
    assert variables["HOME"] == variables["PWD"] == shown.splitlines()[-2]
    assert shown.splitlines()[-1] == "700"
    assert not {name for name in variables if name.startswith(("AWS", "PYTHON", "VIRTUAL"))}


async def test_python_is_there(aws, harness):
    """As in the service's image, there is a python3."""
    assert output(await aws.run(harness, "python3 -c 'print(6 * 7)'")) == "42\n"


async def test_files_stay_and_shells_do_not(aws, harness):
    """Files live as long as the session, variables and folders one went to as long as one command; sessions do not see each other."""
    await aws.run(harness, "echo kept > a.txt; export X=1; mkdir d; cd d")
    again = output(await aws.run(harness, 'cat a.txt; echo "[$X]"; basename $PWD'))
    other = await aws.run(harness, "ls", session="b" * 40)

    assert again.splitlines()[:2] == ["kept", "[]"]
    assert again.splitlines()[2].startswith("agentsup-sim-")
    assert output(other) == ""


async def test_the_agents_files_are_the_commands_files(aws, harness):
    """@file writes where commands run; a message may come between."""
    await aws.invoke(harness, "@file notes/a.txt one two\n@say ok")

    assert output(await aws.run(harness, "cat notes/a.txt")) == "one two"


async def test_a_file_cannot_lead_out(aws, harness):
    """A link that a command made does not carry @file elsewhere."""
    await aws.run(harness, "ln -s .. out; ln -s ../x f")
    for name in ("out/a", "f"):
        with pytest.raises(botocore.exceptions.EventStreamError, match="cannot write"):
            await aws.invoke(harness, f"@file {name} x")


async def test_timeout(aws, harness):
    """After its seconds the whole process group is killed: exit code -1, TIMED_OUT, and what it had said before."""
    chunks = await aws.run(harness, f"echo before; sleep 71234{RUN}.5 & sleep 71234{RUN}.5; echo never", timeout=1)

    assert output(chunks) == "before\n"
    assert chunks[-1] == {"contentStop": {"exitCode": -1, "status": "TIMED_OUT"}}
    assert alive(f"71234{RUN}.5") == []


async def test_background_children(aws, harness):
    """They hold nothing back, and end with the command."""
    chunks = await aws.run(harness, f"sleep 71235{RUN}.5 & echo done")

    assert (output(chunks), chunks[-1]) == ("done\n", DONE)
    assert alive(f"71235{RUN}.5") == []


async def test_processes_that_leave_their_group(aws, harness):
    """A daemon outlives its command, as in the service's machine, and is found by its home when the session ends."""
    chunks = await aws.run(harness, DAEMON.format(f"71239{RUN}.5", ">/dev/null 2>&1"))
    between = len(alive(f"71239{RUN}.5"))
    await aws.stop(harness)

    assert output(chunks) == "done\n"
    assert between >= 1

    async def ended():
        return alive(f"71239{RUN}.5") == []

    assert await until(ended)


async def test_a_daemon_with_the_pipe_in_hand(aws, harness):
    """Who has left the group and holds the output open does not hold the answer back for longer than a moment."""
    chunks = await aws.run(harness, DAEMON.format(f"71240{RUN}.5", ""))
    await aws.stop(harness)

    assert (output(chunks), chunks[-1]) == ("done\n", DONE)


async def test_much_output(aws, harness):
    """Megabytes arrive whole and in order, a character cut by the pipe is one character, and bytes that are no text are marked."""
    big = await aws.run(harness, "for i in $(seq 1 60000); do echo line-ü-$i; done")
    odd = await aws.run(harness, r"printf 'a\xffb\xc3'")

    assert output(big) == "".join(f"line-ü-{number}\n" for number in range(1, 60001))
    assert output(odd) == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


async def test_commands_run_beside_a_turn(aws, harness):
    """A running turn does not hold them back, and several run at once."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(aws.invoke, harness, "@sleep 2")
        await aws.until_running()
        for _ in range(5):
            nursery.start_soon(aws.run, harness, "echo hi")

    assert (await aws.health())["commands"] == 0


async def test_stop_kills_commands(aws, harness):
    """StopRuntimeSession kills what runs, cuts its stream, and has removed the folder when it answers."""
    before, heard = folders(), []

    async def listen():
        with pytest.raises(BROKEN):
            heard.extend(await aws.run(harness, f"echo $$ > pid; sleep 71236{RUN}.5 & sleep 71236{RUN}.5"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await until(lambda: _true(alive(f"71236{RUN}.5")))
        made = folders() - before
        await aws.stop(harness)
        left = folders() & made
        running = alive(f"71236{RUN}.5")

    assert (len(made), left, running) == (1, set(), [])
    assert heard == []


async def _true(value):
    return value


async def test_a_session_of_commands_only(aws, harness):
    """A command without a session id begins a session with an id of the client's making, which can be stopped."""
    answer = await aws.call(
        aws.data.invoke_agent_runtime_command, agentRuntimeArn=harness["arn"], body={"command": "echo hi"}
    )
    await trio.to_thread.run_sync(list, answer["stream"])

    assert len(answer["runtimeSessionId"]) == 36
    assert (answer["contentType"], answer["statusCode"]) == ("application/vnd.amazon.eventstream", 200)
    await aws.stop(harness, session=answer["runtimeSessionId"])


async def test_a_bare_id_needs_its_account(aws, harness):
    """An id with the account beside it is the ARN; an ARN with one, or an id without, is refused."""

    async def error(arn, **more):
        found = await aws.error(
            aws.data.invoke_agent_runtime_command, agentRuntimeArn=arn, body={"command": "true"}, **more
        )
        return code(found), fields(found)

    answer = await aws.call(
        aws.data.invoke_agent_runtime_command,
        agentRuntimeArn=harness["harnessId"],
        accountId="123456789012",
        body={"command": "true"},
    )

    assert (await trio.to_thread.run_sync(list, answer["stream"]))[-1] == {"chunk": DONE}
    assert await error(harness["arn"], accountId="123456789012") == ("ValidationException", ["accountId"])
    assert await error(harness["harnessId"]) == ("ValidationException", ["agentRuntimeArn"])
    assert await error(harness["harnessId"], accountId="999999999999") == ("AccessDeniedException", [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"command": "x" * 65537}, "body.command"),
        ({"command": "x", "timeout": 0}, "body.timeout"),
        ({"command": "x", "timeout": 3601}, "body.timeout"),
        ({"command": "a\0b"}, "body.command"),
    ],
)
async def test_bodies_that_are_refused(aws, harness, body, field):
    """Before anything ran, naming the field; nothing was begun."""
    error = await aws.error(
        aws.data.invoke_agent_runtime_command,
        agentRuntimeArn=harness["arn"],
        runtimeSessionId=SESSION,
        body=body,
    )

    assert (code(error), status(error), fields(error)) == ("ValidationException", 400, [field])
    assert (await aws.health())["sessions"] == 0


async def test_the_longest_command(aws, harness):
    """65,536 characters are a command, those of several bytes as well."""
    plain = await aws.run(harness, "echo ok #" + "x" * (65536 - 9))
    wide = await aws.run(harness, "echo ok #" + "\N{SMILING FACE WITH SUNGLASSES}" * (65536 - 9))

    assert (output(plain), plain[-1]) == ("ok\n", DONE)
    assert (output(wide), wide[-1]) == ("ok\n", DONE)


async def test_commands_on_the_runtimes_own_arn(aws, harness):
    """A harness owns its runtime: the runtime's ARN is refused."""
    runtime = harness["environment"]["agentCoreRuntimeEnvironment"]["agentRuntimeArn"]
    error = await aws.error(aws.data.invoke_agent_runtime_command, agentRuntimeArn=runtime, body={"command": "true"})

    assert "managed by a harness and cannot be invoked directly" in error.response["Error"]["Message"]


async def test_a_folder_that_was_taken_away(aws, harness):
    """A command that removes its own folder, or its rights to it, hinders neither the next one nor the end."""
    before = folders()
    await aws.run(harness, "rm -rf $HOME")
    await aws.run(harness, "cd /; rm -rf $HOME; touch $HOME", session="b" * 40)
    await aws.stop(harness, session="b" * 40)
    again = await aws.run(harness, "mkdir -p a/b; touch a/b/c; chmod 000 a/b a; echo ok")
    await aws.stop(harness)

    assert output(again) == "ok\n"
    assert folders() - before == set()


async def test_a_client_that_leaves(aws, harness):
    """A command goes on without its listener, and its session stays."""
    answer = await aws.call(
        aws.data.invoke_agent_runtime_command,
        agentRuntimeArn=harness["arn"],
        runtimeSessionId=SESSION,
        body={"command": "sleep 0.3; yes | head -c 3000000; echo finished > done"},
    )
    await trio.to_thread.run_sync(answer["stream"].close)

    async def finished():
        return output(await aws.run(harness, "cat done 2>/dev/null"))

    assert await until(finished) == "finished\n"


async def test_reset_leaves_nothing(aws, harness):
    """POST /_sim/reset has killed the processes and removed the folders of every session when it answers."""
    before = folders()
    async with trio.open_nursery() as nursery:
        for name in ("a" * 40, "b" * 40):
            nursery.start_soon(_broken, aws, harness, name)
        await until(lambda: _true(len(alive(f"71237{RUN}.5")) >= 4))
        await aws.invoke(harness, "@file x y", session="c" * 40)
        async with httpx.AsyncClient(base_url=aws.url, trust_env=False) as client:
            await client.post("/_sim/reset")
        left = (alive(f"71237{RUN}.5"), folders() - before, await aws.health())

    assert left[:2] == ([], set())
    assert {left[2][name] for name in ("harnesses", "sessions", "running", "streams", "commands")} == {0}


async def _broken(aws, harness, session):
    with pytest.raises(BROKEN):
        await aws.run(harness, f"sleep 71237{RUN}.5 & sleep 71237{RUN}.5", session=session)


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_process_that_ends_leaves_nothing(number, expected, tmp_path):
    """SIGTERM and Ctrl-C end `agentsup sim` with commands and turns under way: no process, no folder, nothing on stderr."""
    environment, marker = {**os.environ, "TMPDIR": str(tmp_path)}, f"7123{number}{RUN}.5"
    with _started(environment) as process:
        url = process.stdout.readline().removeprefix("ready ").strip()
        aws = Planes(url)
        harness = await aws.harness()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_ended, aws.run, harness, f"sleep {marker} & sleep {marker}")
            nursery.start_soon(_ended, aws.invoke, harness, user("@sleep 60"))
            await until(lambda: _true(len(alive(marker)) >= 2))
            await aws.until_running()
            made = list(tmp_path.iterdir())
            process.send_signal(number)
            out, err = await trio.to_thread.run_sync(lambda: process.communicate(timeout=10))
        await aws.close()

    assert len(made) == 1
    assert (process.returncode, out, err) == (expected, "", "")
    assert (alive(marker), list(tmp_path.iterdir())) == ([], [])


def _started(environment):
    command = [sys.executable, "-m", "agentsup", "sim"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


async def _ended(call, *given):
    with pytest.raises(BROKEN):
        await call(*given)
