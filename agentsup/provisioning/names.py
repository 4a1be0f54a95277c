"""Names that say what is inside: `<base>_<digest>`. Pure.

The digest is never cut. A base that a provider's rules would change is told apart from all others by a mark: six digits of its own hash.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import attrs

from agentsup.errors import Problem
from agentsup.provisioning.canonical import DIGEST_CHARS

_MARK_CHARS = 6
_DIGEST = re.compile(rf"[0-9a-f]{{{DIGEST_CHARS}}}")


@attrs.frozen
class NameRule:
    """What a provider lets a name be."""

    longest: int
    """Bytes of UTF-8; for an ASCII alphabet that is characters."""

    alphabet: str | None = None
    """The characters allowed, as the inside of a regular expression's brackets, and a name then begins with a letter. None allows all,
    and a base then stays as it is or is refused: a name that people gave is not theirs any more once it is changed."""

    def problems(self, base: object, path: str) -> Iterable[Problem]:
        """What is wrong with a base under this rule."""
        if not isinstance(base, str) or not base.strip():
            yield Problem(path, "must be text that is not blank")
        elif not base.isprintable():
            yield Problem(path, "must have no control characters, line breaks or half characters")
        elif self.alphabet is None and len(base.encode()) > self._room:
            yield Problem(path, f"must have at most {self._room} bytes, so that its digest fits behind it")

    def compose(self, base: str, digest: str) -> str:
        """The name of this content under this base; the base has no problems."""
        return f"{self._stem(base)}_{digest}"

    def digest_in(self, name: str, base: str) -> str | None:
        """The digest in a name that belongs to the base; None for everything else, however much it looks like it."""
        stem, _, digest = name.rpartition("_")
        return digest if stem == self._stem(base) and _DIGEST.fullmatch(digest) else None

    @property
    def _room(self) -> int:
        return self.longest - DIGEST_CHARS - 1

    def _stem(self, base: str) -> str:
        if self.alphabet is None:
            return base
        clean = re.sub(f"[^{self.alphabet}]", "_", base)
        if not (clean[0].isascii() and clean[0].isalpha()):
            clean = f"n_{clean}"
        if clean == base and len(base) <= self._room:
            return base
        mark = hashlib.sha256(base.encode()).hexdigest()[:_MARK_CHARS]
        return f"{clean[: self._room - _MARK_CHARS - 1]}_{mark}"
