"""Runtimes become a script and a block for a prompt, and open the hosts they need."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup.provisioning import Runtime
from agentsup.provisioning.runtimes import bootstrap_of, hosts_of, with_hosts

runtimes = st.builds(
    Runtime,
    st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
    st.from_regex(r"[0-9A-Za-z+.][0-9A-Za-z.+-]{0,8}", fullmatch=True),
)


def test_nothing_to_install():
    """No runtimes, no bootstrap, no hosts."""
    assert bootstrap_of([]) is None
    assert hosts_of([]) == ()


def test_erlang_comes_before_elixir():
    """Elixir's builds are made for one Erlang/OTP: it is installed first, and named in the version."""
    script = bootstrap_of([Runtime("elixir", "1.17.3"), Runtime("node", "22"), Runtime("erlang", "27.1.2")]).script

    assert [line for line in script.splitlines() if line.startswith("mise use")] == [
        "mise use --global node@22",
        "mise use --global erlang@27.1.2",
        "mise use --global elixir@1.17.3-otp-27",
    ]


@pytest.mark.parametrize(
    ("elixir", "erlang", "expected"),
    [("1.17.3-otp-26", "27.1", "1.17.3-otp-26"), ("1.17", "latest", "1.17"), ("1.17", None, "1.17")],
)
def test_the_suffix_is_added_where_it_is_known(elixir, erlang, expected):
    """Not twice, not from a version that is no number, not without an Erlang."""
    chosen = [Runtime("elixir", elixir), *([Runtime("erlang", erlang)] if erlang else [])]

    assert f"mise use --global elixir@{expected}\n" in bootstrap_of(chosen).script


def test_the_instructions_have_the_script_in_them():
    """Whoever reads the block can do it without anything else."""
    found = bootstrap_of([Runtime("python", "3.12")])

    assert found.script in found.instructions
    assert "python 3.12" in found.instructions
    assert "3.12" not in repr(found)


@given(st.lists(runtimes, min_size=1, max_size=3))
def test_a_shell_understands_the_script(chosen):
    """Whatever passes the check at the door is one word to a shell."""
    assert [problem for each in chosen for problem in each.problems("it")] == []
    checked = subprocess.run(
        ["sh", "-n"], input=bootstrap_of(chosen).script, text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("version", ["", "-rf", "1 2", "1;2", "$(x)", "1\n", "`x`", "1/2", 3.12])
def test_versions_that_a_shell_could_misread(version):
    """They are refused."""
    assert [problem.path for problem in Runtime("python", version).problems("it")] == ["it.version"]


def test_hosts_are_added_where_the_network_is_limited():
    """And only there; those that are allowed already are not said twice."""
    limited = {
        "networking": {"type": "limited", "allowed_hosts": ["example.com", "nodejs.org"], "allow_mcp_servers": True}
    }
    chosen = [Runtime("node", "22")]

    found = with_hosts(limited, chosen)["networking"]

    assert found["allowed_hosts"][:2] == ["example.com", "nodejs.org"]
    assert found["allowed_hosts"].count("nodejs.org") == 1
    assert set(hosts_of(chosen)) <= set(found["allowed_hosts"])
    assert found["allow_mcp_servers"] is True
    assert limited["networking"]["allowed_hosts"] == ["example.com", "nodejs.org"]


@pytest.mark.parametrize("config", [{}, {"networking": {"type": "unrestricted"}}, {"type": "self_hosted"}])
def test_an_open_network_stays_as_it_is(config):
    """There is nothing to let through."""
    assert with_hosts(config, [Runtime("node", "22")]) == config
