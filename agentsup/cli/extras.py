"""What a command needs that a plain install does not bring."""

from __future__ import annotations

from importlib.util import find_spec

import click

_WEB = ("hypercorn", "starlette", "multipart")


def need_web(what: str) -> None:
    """Refuse if the `web` extra is not installed.

    Raises:
        click.UsageError: it is not; the sentence says what to install.
    """
    if any(find_spec(name) is None for name in _WEB):
        raise click.UsageError(f"{what} needs the web extra: pip install 'agentsup[web]'")
