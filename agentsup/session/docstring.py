"""What a docstring says of the whole, and of each parameter or field: in Google's style, NumPy's, or Sphinx's."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence

_TOLD = "Args|Arguments|Attributes|Parameters|Other Parameters"
_SECTIONS = f"{_TOLD}|Returns|Raises|Yields|Example|Examples|Note|Notes|Warns|See Also|References"
_FIELDS = "param|parameter|arg|argument|key|keyword"
_ALL_FIELDS = f"{_FIELDS}|type|return|returns|rtype|raise|raises|except|exception|var|ivar|cvar"

_END = re.compile(
    rf"(?:\n|\A)[ \t]*(?:(?:{_SECTIONS})[ \t]*:[ \t]*\n|(?:{_SECTIONS})[ \t]*\n[ \t]*-{{3,}}[ \t]*(?:\n|\Z)|:(?:{_ALL_FIELDS})\b[^\n:]*:)"
)
_GOOGLE = re.compile(rf"( *)(?:{_TOLD})\s*:\s*")
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(\w+)(?:\s*\(.*?\))?\s*:\s*(.*)")
_NUMPY = re.compile(rf"( *)(?:{_TOLD})\s*")
_NUMPY_RULE = re.compile(r" *-{3,}\s*")
_NUMPY_ENTRY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?")
_SPHINX = re.compile(rf"( *):(?:{_FIELDS})\s+(?:[^:]*\s)?\*{{0,2}}(\w+)\s*:\s*(.*)")


def summary(docstring: str) -> str:
    """What the docstring says of the whole, before it comes to its sections."""
    return _END.split(docstring, maxsplit=1)[0].strip()


def descriptions(docstring: str) -> dict[str, str]:
    """Name to description, from the sections on parameters (or attributes, in a class)."""
    lines = docstring.expandtabs().splitlines()
    found: dict[str, str] = {}
    for name, words in (*_google(lines), *_numpy(lines), *_sphinx(lines)):
        text = " ".join(word.strip() for word in words).strip()
        if text:
            found.setdefault(name, text)
    return found


# --- private -----------------------------------------------------------------------------------------------------------------------------


def _google(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for place, line in enumerate(lines):
        header = _GOOGLE.fullmatch(line)
        if header is None:
            continue
        entry: tuple[str, list[str]] | None = None
        for each in inspect.cleandoc("\n" + "\n".join(_deeper(lines[place + 1 :], len(header[1])))).splitlines():
            begins = _GOOGLE_ENTRY.match(each)
            if begins is not None:
                if entry is not None:
                    yield entry
                entry = (begins[1], [begins[2]])
            elif entry is not None and each.startswith(" "):
                entry[1].append(each)
        if entry is not None:
            yield entry


def _numpy(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for place, line in enumerate(lines[:-1]):
        header = _NUMPY.fullmatch(line)
        if header is None or not _NUMPY_RULE.fullmatch(lines[place + 1]):
            continue
        indent = len(header[1])
        body = lines[place + 2 :]
        for at, each in enumerate(body):
            if at + 1 < len(body) and _NUMPY_RULE.fullmatch(body[at + 1]):
                break  # the next section
            begins = _NUMPY_ENTRY.fullmatch(each.strip())
            if each.strip() and _indent(each) <= indent and begins is not None:
                words = list(_deeper(body[at + 1 :], indent))
                for name in begins[1].split(","):
                    yield name.strip(" *"), words


def _sphinx(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for place, line in enumerate(lines):
        begins = _SPHINX.fullmatch(line)
        if begins is not None:
            yield begins[2], [begins[3], *_deeper(lines[place + 1 :], len(begins[1]))]


def _deeper(lines: Sequence[str], indent: int) -> Iterator[str]:
    """The lines up to the first that stands no deeper than that."""
    for line in lines:
        if line.strip() and _indent(line) <= indent:
            return
        yield line


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
