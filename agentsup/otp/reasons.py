"""Exit reasons: why a process ended, as one closed set of values.

Four classes of reason drive everything (rules P1 and P2): normal, shutdown, shutdown with information, and everything else. The first three
are *clean*: nobody logs them as an error and a transient child is not restarted after them.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from agentsup.errors import SpecError


@attrs.frozen
class Normal:
    """The process had nothing more to do."""

    @property
    def is_clean(self) -> bool:
        """True: an ordinary end."""
        return True


@attrs.frozen
class Shutdown:
    """The process was asked to stop, or stopped as part of an orderly plan; `info` says more where somebody had more to say."""

    info: object = None

    @property
    def is_clean(self) -> bool:
        """True: stopping on purpose is no failure."""
        return True


@attrs.frozen
class Killed:
    """The process was cut off without being asked; its `terminate` did not run."""

    @property
    def is_clean(self) -> bool:
        """False: a permanent or transient child is restarted after it."""
        return False


@attrs.frozen(repr=False)
class Crashed:
    """User code raised `exception`; `cleanup` is what its clean-up raised on top, where it did.

    The repr names the types only: an exception's text may hold what the actor was working on.
    """

    exception: BaseException
    cleanup: BaseException | None = None

    @property
    def is_clean(self) -> bool:
        """False, unless the exception is a group in which every leaf is a clean stop; there is no such leaf today."""
        return False

    def __repr__(self) -> str:
        extra = "" if self.cleanup is None else f", cleanup={type(self.cleanup).__name__}"
        return f"Crashed({type(self.exception).__name__}{extra})"


@attrs.frozen
class Gone:
    """The process was dead already when somebody asked; its true reason is not known any more (rule P5)."""

    @property
    def is_clean(self) -> bool:
        """False: nobody can say that it went well."""
        return False


ExitReason: TypeAlias = Normal | Shutdown | Killed | Crashed | Gone
"""Why a process ended."""


def checked(reason: object) -> ExitReason:
    """An exit reason, if it is one.

    Raises:
        SpecError: it is not.
    """
    if isinstance(reason, (Normal, Shutdown, Killed, Crashed, Gone)):
        return reason
    raise SpecError.of(
        "reason",
        f"a {type(reason).__name__} is no exit reason; Normal(), Shutdown(info), Killed() or Crashed(exception)",
    )


def root_causes(error: BaseException) -> tuple[BaseException, ...]:
    """The leaves of an exception group, in order; an exception that is no group is its own only leaf."""
    if isinstance(error, BaseExceptionGroup):
        return tuple(leaf for part in error.exceptions for leaf in root_causes(part))
    return (error,)
