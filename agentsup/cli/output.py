"""What goes to stdout, as it comes."""

from __future__ import annotations

import json
import os
import sys
from typing import ClassVar

import click

from agentsup.cli.exits import Exit


class CannotWrite(click.ClickException):
    """There is a reader, and what it reads from takes nothing more: a full disk."""

    exit_code: ClassVar[int] = Exit.NO_READER


class NoReader(Exception):
    """Nobody reads the output any more. Not the BrokenPipeError it comes from: click would end the process for that one itself."""


def write(text: str) -> None:
    """Write the text now; a reader at the other end of a pipe does not wait for the rest.

    Raises:
        NoReader: there is none.
        CannotWrite: it cannot be written, for another reason.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as exc:
        raise NoReader("nobody reads the output any more") from exc
    except OSError as exc:
        raise CannotWrite(f"the output cannot be written: {exc.strerror}") from exc


_STEERING = {code: "\ufffd" for code in (*range(32), 127, *range(128, 160)) if chr(code) not in "\t\n"}


def said(text: str) -> str:
    """An agent's text for whoever reads it: on a terminal without the characters that steer one, elsewhere as it is."""
    return text.translate(_STEERING) if sys.stdout.isatty() else text


def write_json(line: str) -> None:
    """Write a line of JSON now; what the output's encoding has no character for becomes an escape, which JSON has for everything.

    Raises:
        NoReader: there is none.
        CannotWrite: it cannot be written, for another reason.
    """
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        line = json.dumps(json.loads(line))
    write(line + "\n")


def stand_in() -> None:
    """Put nowhere in the place of the streams that were closed before this process began."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  -- as long as the process lives
