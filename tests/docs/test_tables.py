"""The hand-made tables leave nothing out, and tell nothing that is not so."""

from __future__ import annotations

import fnmatch
import importlib
import pkgutil
import re
import typing
from pathlib import Path

import attrs

import agentsup
from agentsup.claude.group import Group
from agentsup.talk import events as ev
from agentsup.wire.managed import catalogue

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
COMMANDS = ("agentsup.cli", "agentsup.demo", "agentsup.__main__")
"""Commands, not a library: their errors are exit statuses, documented with the commands."""


def rows(page: str) -> list[list[str]]:
    """Every row of every table on a page, as cells."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    lines = [line.strip().strip("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def code(cell: str) -> list[str]:
    """The words in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def event_classes() -> list[type]:
    return [*typing.get_args(ev.Ours), *typing.get_args(ev.Theirs), *typing.get_args(ev.Passing)]


def test_every_event_is_in_the_table_with_its_fields():
    """Type, class and fields of each event, as the code has them."""
    ours = {"id", "_raw", "thread"}  # of every event of the provider's; said once, above the table
    expected = {
        (kind.type, kind.__name__): [
            a.name for a in attrs.fields(kind) if not (issubclass(kind, ev.Heard) and a.name in ours)
        ]
        for kind in event_classes()
    }

    told = {(code(row[0])[0], code(row[1])[0]): code(row[2]) for row in rows("events.md")}

    assert expected == told


def error_classes() -> set[str]:
    """Every error of the library, in whatever room; namesakes of the root's are told apart by their room."""
    for module in pkgutil.walk_packages(agentsup.__path__, "agentsup."):
        if not module.name.startswith(COMMANDS):
            importlib.import_module(module.name)
    found: set[type] = set()
    waiting = [agentsup.AgentsupError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind.__module__.startswith("agentsup.") and not kind.__module__.startswith(COMMANDS):
                found.add(kind)
                waiting.append(kind)
    plain = {kind.__name__ for kind in found if kind.__module__ == "agentsup.errors"}
    doubled = {kind for kind in found if kind.__name__ in plain and kind.__module__ != "agentsup.errors"}
    return {
        f"{kind.__name__} ({kind.__module__.split('.')[1]})" if kind in doubled else kind.__name__ for kind in found
    }


def test_every_error_is_in_the_tables():
    """Nobody has to read the source to know what can be raised, and no error of the past is still told of."""
    told = {row[0].replace("`", "") for row in rows("errors.md")}

    assert error_classes() == told


def test_every_public_name_is_in_the_reference():
    """`agentsup.__all__` and the page are the same list; the kernel, the control planes and provisioning have pages of their own."""
    page = (REFERENCE / "api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\.\. auto\w+:: agentsup\.(\w+)(?:\(\))?$", page, re.MULTILINE))
    told |= {name for name in agentsup.__all__ if hasattr(agentsup.ids, name)}  # by automodule

    assert set(agentsup.__all__) - {"otp", "agentcore", "claude", "provisioning"} == told - {"session", "ids"}


def test_every_report_is_in_the_table():
    """Whoever is woken by a line of the log finds it on the page; debugging and progress, which one asks for, aside."""
    said: set[str] = set()
    for path in (REFERENCE.parents[1] / "agentsup").rglob("*.py"):
        if path.parent.name not in ("cli", "demo"):
            said |= set(
                re.findall(
                    r'\b(?:_log\.\w+|_say)\(\s*(?:"(?:info|warning|error)",\s*)?"([a-z_.]+)"',
                    path.read_text(encoding="utf-8"),
                )
            )
    page = (REFERENCE.parent / "howto" / "logs.md").read_text(encoding="utf-8")

    told = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE))

    assert said - {"progress_report", "trace", "watcher_removed"} == told


def test_every_event_of_the_catalogue_is_in_its_table():
    """Type, class, fields and words of convenience of each, as the code has them."""
    of_all = {"raw", "id", "processed_at"}
    expected = {
        (kind.type, kind.__name__): [
            *(field.name for field in attrs.fields(kind) if field.name not in of_all),
            *(name for name, value in vars(kind).items() if isinstance(value, property)),
        ]
        for kind in catalogue.KINDS
    }

    told = {(code(row[0])[0], code(row[1])[0]): code(row[2]) for row in rows("claude-events.md")}

    assert expected == told


def test_every_operation_of_the_client_is_in_its_table():
    """No group and no verb is missing."""
    client = agentsup.claude.Client("key", "http://example.com")
    groups = {name: vars(type(group)) for name, group in vars(client).items() if isinstance(group, Group)}
    expected = {name: {verb for verb in verbs if not verb.startswith("_")} for name, verbs in groups.items()}

    told: dict[str, set[str]] = {}
    for row in rows("claude-client.md"):
        for name in code(row[0]):
            if name.startswith("client."):
                told[name.removeprefix("client.")] = set(code(row[1])) - {"version"}

    extra = {"credentials": "vaults", "skill_versions": "skills"}  # told of together
    for name, of in extra.items():
        assert expected[name] | expected.pop(of) == told[name] == told.pop(of)
    for name in extra:
        expected.pop(name), told.pop(name)
    assert expected == told


def test_every_test_that_a_table_names_is_there():
    """A row's proof cannot be renamed away."""
    tests = Path(__file__).parents[1]
    known = {path.stem for path in tests.rglob("test_*.py")}
    for path in tests.rglob("test_*.py"):
        known |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    pages = [(REFERENCE / name).read_text(encoding="utf-8") for name in ("simulator.md", "claude-events.md")]
    prose = [re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL) for page in pages]
    told = {name for page in prose for name in re.findall(r"\btest_[\w*]+", page)}

    assert {name for name in told if not fnmatch.filter(known, name)} == set()
