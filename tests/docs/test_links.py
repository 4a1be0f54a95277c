"""Whatever a page points to is there: pages, headings, files, commands, make targets."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from agentsup.cli.command import cli

from . import pages

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_INCLUDE = re.compile(r"^```\{(?:literalinclude|include)\} (\S+)$", re.MULTILINE)


def headings(page):
    """The anchors of a page's headings, as GitHub and MyST make them."""
    found = re.findall(r"^#{1,3} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in found}


def missing(page):
    """Links into the project that lead nowhere."""
    text = re.sub(r"\s*\n\s*(?=[^\[]*\]\()", " ", pages.prose(page))
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in headings(found)):
            yield target


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_links_lead_somewhere(page):
    """Into the project, anchors included; addresses elsewhere are not asked."""
    assert list(missing(page)) == []


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_included_files_are_there(page):
    """What a page shows of the examples exists."""
    targets = _INCLUDE.findall(page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_in_a_table_of_contents():
    """A page that nobody links is a page that nobody reads."""
    listed = set()
    for page in pages.PAGES:
        for block in pages.all_blocks(page):
            if block.language == "{toctree}":
                entries = [line for line in block.code.split() if not line.startswith(":")]
                listed |= {(page.parent / f"{entry}.md").resolve() for entry in entries}
    inside = {page for page in pages.PAGES if page.is_relative_to(pages.DOCS)}

    assert inside - listed == {pages.DOCS / "index.md", pages.DOCS / "reference" / "session-transitions.md"}


def commands():
    """Every command line of every page, with where it stands; in a block with prompts, the lines without one are output."""
    for page in pages.PAGES:
        for block in pages.blocks(page, "console"):
            lines = [line for line in block.code.splitlines() if line.strip()]
            if any(line.startswith("$ ") for line in lines):
                lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            for line in lines:
                yield pytest.param(shlex.split(line.partition(" # ")[0]), id=f"{page.name}: {line}")


@pytest.mark.parametrize("words", list(commands()))
def test_command_lines_exist(words):
    """A make target, a verb of ours with options it has, or a file that is there."""
    match words:
        case ["make", *targets]:
            makefile = (pages.ROOT / "Makefile").read_text(encoding="utf-8")
            wanted = [target for target in targets if "=" not in target]
            assert [t for t in wanted if not re.search(rf"^{t}:", makefile, re.MULTILINE)] == []
        case ["agentsup" | ".venv/bin/agentsup", *rest]:
            check_verb(rest)
        case [".venv/bin/python" | "python", "-m", "agentsup", *rest]:
            check_verb(rest)
        case [".venv/bin/python" | "python", "-m", "pytest", path] | [".venv/bin/python" | "python", path]:
            assert (pages.ROOT / path).exists()
        case _:
            pytest.fail(f"nobody checks that this exists: {words}")


def check_verb(words):
    """The verb is there, and so is each option in it."""
    command = cli
    options = [word.partition("=")[0] for word in words if word.startswith("-") and word != "-"]
    if words and not words[0].startswith("-"):
        command = cli.get_command(click.Context(cli), words[0])
        assert command is not None, f"agentsup has no {words[0]}"
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
    assert set(options) <= known
