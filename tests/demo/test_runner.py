"""The runner's parts: its orders, and that its reports arrive whole."""

from __future__ import annotations

import json
import os
import sys

import trio

from agentsup.demo import runner
from agentsup.demo.report import Finished, from_line
from agentsup.demo.runner import Orders


def orders(**changes):
    given = {"folder": "/f", "store": "s", "ledger": "l", "base_url": "u", "agent": "a", "environment": "e"}
    return Orders(**{**given, **changes})


def test_orders_there_and_back():
    """They are one line, whatever stands in a prompt, and do not show it."""
    given = orders(prompts={"s": "a\nsecret \udcff"}, cut_off_at=3)
    line = given.to_line()

    assert line.count(b"\n") == 1
    assert Orders(**json.loads(line)) == given
    assert "secret" not in repr(given)


def test_every_session_is_the_same():
    """Tools that only read, and one that is marked `unsafe`."""
    effects = {tool.name: tool.spec.effect for tool in orders().spec().tools}

    assert effects == {
        "list_files": "pure", "read_file": "pure", "count_lines": "pure", "search": "pure", "enter": "unsafe",
    }  # fmt: skip


async def test_long_reports_do_not_get_into_each_other(monkeypatch):
    """Many at once, each longer than a pipe takes: every line is whole."""
    reader, writer = os.pipe()
    reports = [Finished(f"s{number}", None, str(number) * 200_000) for number in range(9)]
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        desk = runner._Desk()
        lines = []

        async def read():
            data = b""
            async for chunk in trio.lowlevel.FdStream(reader):
                data += chunk
                if data.count(b"\n") == len(reports):
                    break
            lines.extend(data.splitlines())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for report in reports:
                nursery.start_soon(desk.tell, report)
        monkeypatch.undo()

    assert sorted((from_line(line) for line in lines), key=lambda report: report.session_id) == reports
