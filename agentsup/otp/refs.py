"""Addresses: who a message can be sent to.

A `Ref` is one incarnation of one process; it is dead for ever once that process ended. A `Name` is whoever holds a key in a registry when the
message is sent, so it survives restarts. Supervisors hand out refs, applications should keep names.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs

from agentsup.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from agentsup.otp.cell import Cell

NODE = secrets.token_hex(4)
"""This Python process, so that a ref unpickled elsewhere is dead instead of somebody else."""


@attrs.frozen(order=True, repr=False)
class Ref:
    """The address of one incarnation: immutable, hashable, ordered by age, and without any hold on the process itself.

    It pickles as text. Read back in another Python process it is the address of nobody.
    """

    serial: int
    """Counts every process this Python process ever started, from 1."""

    node: str = attrs.field(default=NODE)
    """The Python process it was made in."""

    label: str = attrs.field(default="", eq=False, order=False)
    """The child id, for people; two refs that differ in nothing else are equal."""

    def __str__(self) -> str:
        return f"{self.node}.{self.serial}.{self.label}"

    def __repr__(self) -> str:
        return f"<Ref {self.label}#{self.serial}>"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """The ref that `str` wrote.

        Raises:
            ValueError: the text is not one.
        """
        node, serial, label = text.split(".", 2)
        return cls(int(serial), node, label)

    def __reduce__(self) -> tuple[Callable[[str], Ref], tuple[str]]:
        return (Ref.parse, (str(self),))


class Via(Protocol):
    """Whatever can say who is meant by a key: a `Registry` with unique keys, or the partitions of a `PartitionSupervisor` (rule R5)."""

    def holder(self, key: Hashable) -> Cell | None:
        """Who is meant now; None if nobody is."""

    def enter(self, key: Hashable, cell: Cell, value: Any = None) -> None:
        """Make a starting process the one that is meant, until it ends.

        Raises:
            AlreadyRegistered: somebody else is.
            SpecError: this is not how one becomes that.
        """


@attrs.frozen
class Name:
    """Whoever holds `key` at the moment of sending; without a registry, in the names of the current runtime.

    The current runtime is the one whose block the code runs in, else the only one open in this trio run.
    """

    key: Hashable
    registry: Via | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            hash(self.key)
        except TypeError:
            raise SpecError.of(
                "key", f"a {type(self.key).__name__} is not hashable; a string, number or tuple"
            ) from None


Dest: TypeAlias = Ref | Name
"""Anything a message can be sent to."""
