"""What every command can be told: how much to say about itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import click
import structlog

Command = TypeVar("Command", bound=Callable[..., Any])


@attrs.define(eq=False)
class Settings:
    """How much the command says on stderr."""

    debug: bool = False
    """Everything the library logs, and tracebacks."""

    verbose: bool = False
    """What the library logs at level info and above."""

    base_url: str | None = None
    """Where the provider was looked for, if an option said so; for the sentence that it cannot be reached."""

    def apply(self) -> None:
        """Let the library log on stderr as much as was asked for: by default nothing, what a person must know is said in a sentence."""
        asked = self.debug or self.verbose
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger("debug" if self.debug else "info"),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr) if asked else structlog.ReturnLoggerFactory(),
        )


def common_options(command: Command) -> Command:
    """`--debug` and `--verbose`, for the command itself and for each of its verbs, so that either place will do."""
    for name, told in (("debug", "The same in full, and tracebacks."), ("verbose", "Say on stderr what happens.")):
        option = click.option(f"--{name}", is_flag=True, expose_value=False, help=told, callback=_keep)
        command = option(command)
    return command


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    settings = context.ensure_object(Settings)
    if value and parameter.name is not None:
        setattr(settings, parameter.name, True)
        settings.apply()
