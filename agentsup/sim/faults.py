"""Faults on demand: rules that spoil the next requests of a kind. Pure: who performs a fault is `simulator`."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any, Literal

import attrs

from .exchange import Json, Response
from .fields import Form
from .manner import Manner
from .refusal import Refused

Mode = Literal["answer", "after", "reset", "after_reset", "stall"]

_MODES: tuple[Mode, ...] = ("answer", "after", "reset", "after_reset", "stall")
_KEYS = ("method", "path", "times", "status", "headers", "body", "delay", "mode")
_MOST_TIMES = 1_000_000
_LONGEST_DELAY_S = 86_400.0
_UNSET = object()


@attrs.frozen
class Fault:
    """One rule: which requests it spoils, how often, and how."""

    method: str = "any"
    """In capitals, or `any`."""
    path: str = "*"
    """A glob over the whole path without the query; `*` also matches slashes."""
    times: int = 1
    """How many requests it spoils before it is used up."""
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = _UNSET
    """A JSON value other than null, or a string that is sent as it is; without one, the API's envelope for the status."""
    delay: float = 0.0
    """Seconds of silence before the answer (before the work where it is served as usual)."""
    mode: Mode = "answer"

    def fits(self, method: str, path: str) -> bool:
        """Whether the rule is about such a request."""
        return self.method in ("any", method) and fnmatchcase(path, self.path)

    def answer(self, manner: Manner, request_id: str) -> Response:
        """The answer the rule gives, in the API's manner; only for rules that have a status."""
        status = self.status or 500
        if self.body is _UNSET:
            worded = manner.refuse(Refused(status, "a fault rule of the simulator"), request_id)
            kept = tuple(pair for pair in worded.headers if pair[0] not in {name for name, _ in self.headers})
            return attrs.evolve(worded, headers=(*kept, *self.headers))
        headers = ((manner.request_id_header, request_id), *self.headers)
        if isinstance(self.body, str):
            body, content_type = self.body.encode(), "text/plain; charset=utf-8"
        else:
            body, content_type = json.dumps(self.body).encode(), "application/json"
        if not any(name == "content-type" for name, _ in headers):
            headers = (("content-type", content_type), *headers)
        return Response(status, headers, body)


def read_fault(data: Any) -> Fault:
    """The rule in a JSON object.

    Raises:
        Refused: 400 that names every field that makes no sense.
    """
    form = Form(data)
    for key in form.data.keys() - set(_KEYS):
        form.wrong(key, f"is no field of a rule; there are {', '.join(_KEYS)}")
    method = form.text("method", least=1) or "any"
    mode = form.choice("mode", _MODES) or "answer"
    times = form.integer("times", least=1, most=_MOST_TIMES)
    delay = form.value("delay", (int, float), "a number of seconds")
    if delay is not None and not 0 <= delay <= _LONGEST_DELAY_S:
        form.wrong("delay", "must be between 0 and 86400 seconds")
    fault = Fault(
        method="any" if method.lower() in ("any", "*") else method.upper(),
        path=form.text("path", least=1) or "*",
        times=1 if times is None else times,
        status=form.integer("status", least=200, most=599),
        headers=_headers(form),
        body=_UNSET if form.data.get("body") is None else form.data["body"],
        delay=float(delay or 0),
        mode=next(known for known in _MODES if known == mode),
    )
    _check_sense(fault, form)
    form.check()
    return fault


def _headers(form: Form) -> tuple[tuple[str, str], ...]:
    given: Json = form.value("headers", dict, "an object of strings") or {}
    found = {name: _as_header(value) for name, value in given.items()}
    for name, value in found.items():
        if (
            not isinstance(value, str)
            or not value.isprintable()
            or not name.replace("-", "").replace("_", "").isalnum()
        ):
            form.wrong(f"headers.{name}", "must be a header name with a string of printable characters")
    return tuple((name.lower(), value) for name, value in found.items() if isinstance(value, str))


def _as_header(value: Any) -> Any:
    """A number as it is written in a header, such as the seconds of a `retry-after`; anything else as it is."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_sense(fault: Fault, form: Form) -> None:
    answers = fault.mode in ("answer", "after")
    if answers and fault.status is None and (fault.headers or fault.body is not _UNSET):
        form.wrong("status", "is needed for headers and body to belong to")
    elif fault.status is None and fault.mode == "after":
        form.wrong("status", "is needed in mode after")
    elif fault.status is None and fault.mode == "answer" and not fault.delay:
        form.wrong("status", "is needed, or a delay: this rule would do nothing")
    if not answers and (fault.status is not None or fault.headers or fault.body is not _UNSET):
        form.wrong("mode", f"{fault.mode} gives no answer, so there is no place for status, headers and body")


class FaultBook:
    """The rules in force, in the order they were added."""

    def __init__(self) -> None:
        self._rules: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Puts the rule behind the others."""
        self._rules.append((fault, fault.times))

    def clear(self) -> None:
        """Forgets every rule."""
        self._rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The first rule about such a request, used up by one; None where all is well."""
        for index, (fault, left) in enumerate(self._rules):
            if fault.fits(method, path):
                if left > 1:
                    self._rules[index] = (fault, left - 1)
                else:
                    del self._rules[index]
                return fault
        return None

    def __len__(self) -> int:
        return len(self._rules)
