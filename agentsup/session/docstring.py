"""What a docstring in Google style says of the whole, and of each parameter or field."""

from __future__ import annotations

import inspect
import re

_SECTIONS = "Args|Arguments|Attributes|Parameters|Returns|Raises|Yields|Example|Examples|Note|Notes"


def summary(docstring: str) -> str:
    """What the docstring says of the whole, before it comes to its sections."""
    return re.split(rf"(?:\n|\A)\s*(?:{_SECTIONS})\s*:\s*\n", docstring, maxsplit=1)[0].strip()


def descriptions(docstring: str) -> dict[str, str]:
    """Name to description, from an `Args:` section (or `Attributes:`, in a class)."""
    section = re.search(
        r"^(?:Args|Arguments|Attributes|Parameters):\s*\n(?P<body>(?:[ \t]+.*\n?|\s*\n)+)", docstring, re.MULTILINE
    )
    if section is None:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section["body"]).splitlines():
        begins = re.match(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)", line)
        if begins is not None:
            name, found[begins[1]] = begins[1], begins[2].strip()
        elif name and line.startswith((" ", "\t")):
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
