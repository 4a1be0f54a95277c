"""A log of structured events, for code that must not be hurt by it and should not pay for what nobody reads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

import attrs
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

Level = Literal["info", "warning", "error"]
_LEVELS: dict[Level, int] = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@attrs.define(eq=False)
class Log:
    """Events to structlog, under a logger name."""

    name: str
    bound: dict[str, Any]
    """Fields of every event."""
    _asked: Any = None
    """A logger of the present configuration, kept for the question who listens: to make one takes longer than to answer."""
    _wrapper: object = None
    _factory: object = None

    def say(self, level: Level, event: str, **fields: Any) -> None:
        """Log what is at hand already."""
        self.report(level, event, lambda: fields)

    def report(self, level: Level, event: str, fields: Callable[[], dict[str, Any]]) -> None:
        """Log, if anybody listens: fields that take work are made for readers only.

        Whatever the configured processors make of it, and whatever the fields are made of, nothing is raised: a fault in either must not take the end
        of a process down with it.
        """
        try:
            if self._is_heard(level):
                getattr(self._logger(), level)(event, **fields())
        except Exception:
            logging.getLogger(self.name).exception("a structlog processor failed on %s", event)

    def _is_heard(self, level: Level) -> bool:
        """Whether anything comes of what is logged at that level; yes, if the configured class of loggers cannot say."""
        config = structlog.get_config()
        if config["wrapper_class"] is not self._wrapper or config["logger_factory"] is not self._factory:
            self._wrapper, self._factory = config["wrapper_class"], config["logger_factory"]
            self._asked = self._logger()
        kind = type(self._asked)  # and not the logger: one that forwards unknown methods would log the question
        asks = getattr(kind, "is_enabled_for", None) or getattr(kind, "isEnabledFor", None)
        return asks is None or bool(asks(self._asked, _LEVELS[level]))

    def _logger(self) -> Any:
        return structlog.stdlib.get_logger(self.name, **self.bound).bind()
