"""The pages a reader sees, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", *(path for path in DOCS.rglob("*.md") if not {"_build", "changelog.d"} & set(path.parts))]
)

_FENCE = re.compile(r"^```(?P<language>[^\n`]*)\n(?P<code>.*?)^```\s*$", re.MULTILINE | re.DOTALL)


@attrs.frozen
class Block:
    """A fenced block: where it begins, what it is, what it says."""

    page: Path
    line: int
    language: str
    code: str

    def compiled(self, flags: int = 0) -> object:
        """As code whose tracebacks point into the page."""
        return compile("\n" * self.line + self.code, str(self.page), "exec", flags=flags, dont_inherit=True)


def name_of(page: Path) -> str:
    """A page as people name it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[Block]:
    """The page's blocks in that language, in order."""
    return [block for block in all_blocks(page) if block.language == language]


def all_blocks(page: Path) -> Iterator[Block]:
    """The page's blocks, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, found.start()) + 1, found["language"].strip(), found["code"])


def prose(page: Path) -> str:
    """The page without its blocks and without code in backticks."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
