"""`agentsup run`: one prompt to completion."""

from __future__ import annotations

import io
import json
import sys
import types

import pytest

from agentsup.cli.exits import Exit


def test_prints_the_answer(command, place):
    """The text goes to stdout and nothing else does; the agent ended its turn, so the status is 0."""
    ended = command("run", *place.options, "@deltas 3 2\n@say and more")

    assert (ended.status, ended.out, ended.err) == (0, "aabbcc\nand more\n", "")


def test_writes_each_piece_at_once(command, place, monkeypatch):
    """Text is written as it comes, not when it is complete."""
    written = []
    monkeypatch.setattr("agentsup.cli.run.write", written.append)

    command("run", *place.options, "@say first\n@sleep 0.2\n@say second")

    assert written == ["first", "\nsecond", "\n"]


def test_json(command, place):
    """With --json the whole result is one line of JSON, and no text is mixed into it."""
    ended = command("run", "--json", *place.options, "@usage 7 3\n@say hello")

    result = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    assert (ended.status, result["terminal"], result["text"], result["turns"]) == (0, "end_turn", "hello", 1)
    assert (result["usage"]["input_tokens"], result["usage"]["output_tokens"]) == (7, 3)


def test_prompt_from_stdin(command, place, monkeypatch):
    """`-` reads the prompt from stdin; the newline an editor or echo puts at the end is not part of it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("grüße\n".encode())))

    ended = command("run", *place.options, "-")

    assert (ended.status, ended.out) == (0, "grüße\n")


def test_goes_on_with_a_session(command, place):
    """--session asks in a session that is there, and needs neither agent nor environment."""
    body = {"agent": place.agent, "environment_id": place.environment}
    session = place.http.post("/v1/sessions", json=body).json()["id"]

    ended = command("run", "--json", "--base-url", place.url, "--session", session, "hello again")

    assert ended.status == 0
    assert json.loads(ended.out)["provider_session_id"] == session


def test_agent_and_environment_from_the_environment(command, place, monkeypatch):
    """What no option says is taken from the environment."""
    monkeypatch.setenv("AGENTSUP_AGENT", place.agent)
    monkeypatch.setenv("AGENTSUP_ENVIRONMENT", place.environment)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", place.url)

    ended = command("run", "hello")

    assert (ended.status, ended.out) == (0, "hello\n")


@pytest.fixture
def toolbox(tmp_path, monkeypatch):
    """A module `toolbox_here` in the current directory, and no trace of it afterwards."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("toolbox_here.py").write_text(
        '''
import agentsup

def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

@agentsup.tool(effect="pure")
def shout(text: str) -> str:
    """Say it loud."""
    return text.upper()

def explode() -> str:
    """Fail."""
    raise ValueError("bang")

both = [add, shout]
nothing = []
number = 7

def starred(*args): ...
'''
    )
    tmp_path.joinpath("broken_here.py").write_text("import nowhere_to_be_found\n")
    tmp_path.joinpath("leaving_here.py").write_text("raise SystemExit('no')\n")
    yield
    for name in ("toolbox_here", "broken_here", "leaving_here"):
        sys.modules.pop(name, None)


def test_tools_of_the_current_directory(command, place, toolbox):
    """Functions, tools and lists of them from a module in the current directory run here when the agent calls them."""
    script = '@tool add {"a": 1, "b": 2}\n@tool shout {"text": "hey"}\n@say {results}'

    of_list = command("run", *place.options, "--tools", "toolbox_here:both", script)
    one_by_one = command("run", *place.options, "--tools", "toolbox_here:add", "--tools", "toolbox_here:shout", script)

    assert (of_list.status, of_list.out) == (0, "3, HEY\n")
    assert one_by_one == of_list


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("toolbox_here", "must be module:name"),
        (":add", "must be module:name"),
        ("no_such_module:add", "there is no module 'no_such_module', neither installed nor in this directory"),
        ("json.nosuch:add", "there is no module 'json.nosuch'"),
        ("toolbox_here:ad", "toolbox_here has no 'ad', but it has 'add'"),
        ("toolbox_here:quux", "toolbox_here has no 'quux'"),
        ("toolbox_here:number", "must be a tool, a function or a list of them, not int"),
        ("toolbox_here:nothing", "the list is empty"),
        ("toolbox_here:starred", "starred(args): must be a named parameter"),
        ("broken_here:x", "importing broken_here needs the module 'nowhere_to_be_found'"),
        ("leaving_here:x", "importing leaving_here failed with SystemExit: no"),
    ],
)
def test_wrong_tools(command, place, toolbox, path, told):
    """A tool that cannot be had is bad input: one sentence names the path, what is wrong and what is nearest; nothing is asked."""
    before = len(place.sessions())

    ended = command("run", *place.options, "--tools", path, "hello")

    assert (ended.status, ended.out) == (Exit.BAD_INPUT, "")
    assert told in ended.err
    assert path in ended.err
    assert ended.err.count("\n") == 1
    assert len(place.sessions()) == before


def test_unknown_tool_is_told_to_the_agent(command, place, toolbox):
    """A tool the agent makes up is an error result for it, not an end of the command."""
    ended = command("run", *place.options, "--tools", "toolbox_here:add", "@tool substract {}\n@say {results}")

    assert (ended.status, ended.out) == (0, "there is no tool 'substract' here; the tools are: add\n")


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("@stop requires_action", Exit.REQUIRES_ACTION, "the agent waits for an action"),
        ("@stop refusal", Exit.TERMINATED, "stop reason: refusal"),
        ("@error api_error terminal", Exit.TERMINATED, "api_error"),
        ("@error api_error exhausted", Exit.TERMINATED, "retries_exhausted"),
    ],
)
def test_other_endings(command, place, script, status, told):
    """Each way a request can end has a status of its own, and what is no answer is said in a sentence on stderr."""
    ended = command("run", *place.options, f"@say something\n{script}")

    assert (ended.status, ended.out) == (status, "something\n")
    assert told in ended.err
    assert ended.err.count("\n") == 1


def test_timeout(command, place):
    """When the time is up the command ends, what was said stays said, and the provider was told to stop."""
    ended = command("run", *place.options, "--timeout", "0.3", "@say begun\n@sleep 60")

    assert (ended.status, ended.out) == (Exit.TIMEOUT, "begun\n")
    assert ended.err == "agentsup: the request took longer than its 0.3 seconds\n"
    assert place.health()["running"] == 0


def test_turn_limit_has_a_status(command, place):
    """A request that uses up its turns ends with the status for it."""
    ended = command("run", *place.options, "\n".join(["@tool nothing {}", "@sleep 0"] * 60))

    assert ended.status == Exit.TURN_LIMIT
    assert "50 turns" in ended.err


def test_json_of_a_failed_request(command, place):
    """With --json a request that we ended prints the partial result, so that nothing said is lost to a script."""
    ended = command("run", "--json", *place.options, "--timeout", "0.3", "@say begun\n@sleep 60")

    result = json.loads(ended.out)
    assert ended.status == Exit.TIMEOUT
    assert (result["terminal"], result["text"]) == ("terminated", "begun")


def test_everything_missing_at_once(command, monkeypatch):
    """Every missing thing is named, in the words of the command line."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")

    ended = command("run", "hello")

    assert ended.status == Exit.BAD_INPUT
    assert ended.err == (
        "agentsup: the API key is missing: set ANTHROPIC_API_KEY; "
        "--agent is missing: pass an agent's id (or set AGENTSUP_AGENT), or --session to go on with a session; "
        "--environment is missing: pass an environment's id (or set AGENTSUP_ENVIRONMENT)\n"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--base-url", "nonsense"], "--base-url must be an http(s) address"),
        (["--base-url", "ftp://example.test"], "--base-url must be an http(s) address"),
        (["--timeout", "0"], "--timeout must be"),
        (["--timeout", "-1"], "--timeout must be"),
        (["--timeout", "nan"], "--timeout must be"),
        (["--timeout", "soon"], "'soon' is not a valid float"),
        (["--nosuch"], "No such option '--nosuch'"),
    ],
)
def test_bad_options(command, options, told):
    """An option that cannot be used is bad input, said in one sentence that names it."""
    ended = command("run", "--agent", "a", "--environment", "e", *options, "hello")

    assert (ended.status, ended.out) == (Exit.BAD_INPUT, "")
    assert told in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("prompt", "told"),
    [("", "PROMPT must not be empty"), (" \n", "PROMPT must not be empty"), ("\udcff", "PROMPT must be UTF-8 text")],
)
def test_bad_prompts(command, place, prompt, told):
    """A prompt that says nothing, or cannot be sent, is bad input."""
    ended = command("run", *place.options, prompt)

    assert ended.status == Exit.BAD_INPUT
    assert told in ended.err


def test_stdin_that_is_no_text(command, place, monkeypatch):
    """Bytes that are no UTF-8 are refused with the place where they are not."""
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(b"abc\xff")))

    ended = command("run", *place.options, "-")

    assert ended.status == Exit.BAD_INPUT
    assert "byte 3 is not" in ended.err


def test_unknown_agent(command, place):
    """An agent the provider does not know: refused, with the provider's words and what to check."""
    ended = command("run", "--base-url", place.url, "--agent", "agent_x", "--environment", place.environment, "hello")

    assert (ended.status, ended.out) == (Exit.REFUSED, "")
    assert "404" in ended.err
    assert "agent_x" in ended.err
    assert "check --agent, --environment or --session" in ended.err
    assert ended.err.count("\n") == 1


def test_wrong_key(command, place):
    """A key that is refused: the sentence names the variable to check, and never the key."""
    place.http.post("/_sim/faults", json={"path": "/v1/sessions", "status": 401})

    ended = command("run", *place.options, "hello")

    assert ended.status == Exit.REFUSED
    assert "check ANTHROPIC_API_KEY" in ended.err


def test_nothing_listens(command, monkeypatch):
    """A refused connection is told soon, with the address and what to check."""
    monkeypatch.setattr("agentsup.cli.run._PATIENCE", _quick())

    ended = command("run", "--base-url", "http://127.0.0.1:1", "--agent", "a", "--environment", "e", "hello")

    assert (ended.status, ended.out) == (Exit.UNREACHABLE, "")
    assert "http://127.0.0.1:1 cannot be reached" in ended.err
    assert "check the network and --base-url" in ended.err
    assert ended.err.count("\n") == 1


def _quick():
    from agentsup import Reconnect

    return Reconnect(initial=0.01)


def test_no_content_and_no_key_in_what_is_said(command, place):
    """Sentences and logs never carry the key or the conversation."""
    ended = command("run", "--debug", *place.options, "--timeout", "0.3", "@say the-secret-answer\n@sleep 60")

    assert "the-secret-answer" not in ended.err
    assert "x-api-key" not in ended.err


def test_silent_unless_asked(command, place, toolbox):
    """The library's logs stay off stderr, and appear with --verbose, before or after the verb."""
    arguments = ["run", *place.options, "--tools", "toolbox_here:explode", "@tool explode {}\n@say {results}"]

    silent = command(*arguments)
    after = command(*arguments, "--verbose")
    before = command("--verbose", *arguments)

    assert silent.err == ""
    assert "tool.failed" in after.err
    assert "tool.failed" in before.err
    assert before.out == after.out == silent.out == "the tool failed: ValueError: bang\n"
