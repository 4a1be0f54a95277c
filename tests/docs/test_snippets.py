"""Every piece of Python in the README and the documentation runs."""

from __future__ import annotations

import ast
import inspect
import types

import pytest
import structlog
import trio

import agentsup
from agentsup.testing import open_simulator
from tests.kit.providers import at_claude

from . import pages

WITH_SNIPPETS = [page for page in pages.PAGES if page.name != "README.md" and pages.blocks(page, "python")]


@pytest.fixture(autouse=True)
def as_it_was():
    """A page may configure where reports go; that ends with it."""
    yield
    structlog.reset_defaults()


async def run(block, namespace):
    """Run a block as if it stood in an async function whose locals are the namespace; run the tests in it, too."""
    code = block.compiled(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    before = set(namespace)
    outcome = types.FunctionType(code, namespace)()
    if inspect.iscoroutine(outcome):
        await outcome
    for name in sorted(set(namespace) - before):
        if name.startswith("test_"):
            await namespace[name](*inspect.signature(namespace[name]).parameters)  # pytest would give it its fixtures


@pytest.mark.parametrize("page", WITH_SNIPPETS, ids=pages.name_of)
async def test_the_snippets_of_a_page_run(page, autojump_clock, capsys):
    """One after another, in what the how-to index promises: a simulator, a provider, an open runtime and a session in it."""
    autojump_clock.autojump_threshold = 0.01  # files are read and written in threads, which the clock does not wait for
    if any("store=" in block.code for block in pages.blocks(page, "python")):
        autojump_clock.autojump_threshold = 0.02  # a store writes in a thread, and no deadline should pass meanwhile
    async with open_simulator() as simulator, simulator.client() as http:
        provider = await at_claude(http, base_url=simulator.base_url)
        spec = agentsup.SessionSpec(provider=provider)
        async with agentsup.open_runtime() as rt:
            ref = await rt.start_session("customer-42", spec)
            namespace = {"agentsup": agentsup, "trio": trio, "simulator": simulator, "provider": provider}
            namespace |= {"spec": spec, "rt": rt, "ref": ref, "__name__": "snippet"}
            for block in pages.blocks(page, "python"):
                capsys.readouterr()
                with trio.fail_after(100_000):  # of the mock clock's seconds
                    await run(block, namespace)
                assert promised(block.code) in capsys.readouterr().out


def promised(code):
    """What a comment behind the last `print` says that it prints; nothing if there is none."""
    last = code.rstrip().rsplit("\n", 1)[-1]
    return last.partition("  # ")[2] if "print(" in last else ""


def test_the_readme_works_when_it_is_copied(capsys):
    """The twenty lines, as a script of their own: about twenty of them, and they print what the comment says."""
    (block,) = pages.blocks(pages.ROOT / "README.md", "python")

    exec(block.compiled(), {"__name__": "__main__"})

    assert capsys.readouterr().out.splitlines()[-1] == "Your order is on its way."
    lines = [line for line in block.code.splitlines() if line.strip()]
    assert len(lines) <= 22


def test_no_page_shows_python_that_is_not_run():
    """A block in a language by another name would be looked over."""
    odd = {block.language for page in pages.PAGES for block in pages.all_blocks(page)}

    assert odd <= {
        "python",
        "console",
        "text",
        "json",
        "ini",
        "{toctree}",
        "{eval-rst}",
        "{include} session-transitions.md",
    } | {language for language in odd if language.startswith("{literalinclude}")}
