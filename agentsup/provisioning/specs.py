"""An agent and an environment as the user describes them: frozen values, checked as a whole before anything is asked of a provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.provisioning.canonical import digest_of, plain
from agentsup.provisioning.declarations import Declaration, as_tools, content_of, declared
from agentsup.provisioning.models import bare_model
from agentsup.provisioning.runtimes import Runtime
from agentsup.talk.content import hidden


def _model(given: Any) -> Any:
    if isinstance(given, str):
        return bare_model(given)
    if isinstance(given, Mapping) and isinstance(given.get("id"), str):
        return {**given, "id": bare_model(given["id"])}
    return given


def _as_tuple(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)


@attrs.frozen(kw_only=True)
class AgentSpec:
    """What an agent is made of, whichever provider makes it; `repr` shows no prompt.

    Equal content is one agent: its name at the provider is `<name>_<digest>`, and the digest is over everything here but the name.

    Raises:
        SpecError: something in it cannot be used; every problem is listed with its path.
    """

    name: str
    """What people call it; the first half of its name at the provider."""

    system_prompt: str = attrs.field(default="", repr=hidden)
    """What it is told before everything else."""

    model: str | Mapping[str, Any] | None = attrs.field(default=None, converter=_model)
    """The model's id, or a mapping with an `id` and the provider's settings for it. A prefix such as `anthropic:` is taken off."""

    tools: Sequence[Declaration] = attrs.field(default=(), repr=hidden, converter=as_tools)
    """What it may use: tools made with `agentsup.tool`, plain functions, mappings with `name`, `description` and `input_schema`, and the
    provider's own tools as mappings with their `type`. Only the declarations are kept: the functions run in sessions, not here."""

    description: str = ""
    """For people who look at the provider's list."""

    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """More of the provider's own fields, verbatim: `{"mcp_servers": [...]}`."""

    def __attrs_post_init__(self) -> None:
        tools, problems = declared(self.tools)
        found = [*self._problems(), *problems]
        extra = plain(self.extra, "extra", found) if isinstance(self.extra, Mapping) else {}
        model = self.model if isinstance(self.model, str | None) else plain(self.model, "model", found)
        if found:
            raise SpecError(found)
        # The frozen value takes its plain form here, so that every problem could be told at once.
        for field, value in (("tools", tools), ("extra", extra), ("model", model)):
            object.__setattr__(self, field, value)

    def _problems(self) -> Iterable[Problem]:
        yield from _text_problems(self, "name", "system_prompt", "description")
        if isinstance(self.name, str) and not self.name.strip():
            yield Problem("name", "must not be blank: it begins the agent's name at the provider")
        if isinstance(self.model, str) and not self.model:
            yield Problem("model", "must be a model's id, not blank")
        elif not isinstance(self.model, str | Mapping | None):
            yield Problem("model", f"must be a model's id or a mapping with one, not {type(self.model).__name__}")
        elif isinstance(self.model, Mapping) and not (isinstance(self.model.get("id"), str) and self.model["id"]):
            yield Problem("model.id", "is missing: which model")
        if not isinstance(self.extra, Mapping):
            yield Problem("extra", f"must be a mapping, not {type(self.extra).__name__}")

    @property
    def content(self) -> dict[str, Any]:
        """Everything but the name, as plain data. What has not been said is not in it, so that a new field changes no old digest."""
        told = {
            "system_prompt": self.system_prompt,
            "model": self.model,
            "tools": [content_of(item) for item in self.tools],
            "description": self.description,
            "extra": self.extra,
        }
        return {field: value for field, value in told.items() if value}

    @property
    def digest(self) -> str:
        """Of the content."""
        return digest_of("agent", self.content)


@attrs.frozen(kw_only=True)
class EnvironmentSpec:
    """Where an agent's own tools run; the default is whatever the provider gives.

    Raises:
        SpecError: something in it cannot be used; every problem is listed with its path.
    """

    name: str = "env"
    """What people call it; the first half of its name at the provider, and not part of its digest."""

    config: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """The provider's own configuration, verbatim. It wins over the fields below."""

    networking: Mapping[str, Any] | None = None
    """Short for `config={"networking": ...}`: `{"type": "limited", "allowed_hosts": [...]}`."""

    packages: Mapping[str, Sequence[str]] | None = None
    """Short for `config={"packages": ...}`: `{"pip": ["pandas"]}`."""

    runtimes: Sequence[Runtime] = attrs.field(default=(), converter=_as_tuple)
    """Languages that a handle's `bootstrap` installs. They are not sent; the hosts they need are allowed where the network is limited."""

    def __attrs_post_init__(self) -> None:
        found = list(self._problems())
        config = plain(self.config, "config", found) if isinstance(self.config, Mapping) else {}
        for field in ("networking", "packages"):
            value = getattr(self, field)
            if isinstance(value, Mapping):
                object.__setattr__(self, field, plain(value, field, found))
        if found:
            raise SpecError(found)
        object.__setattr__(self, "config", config)

    def _problems(self) -> Iterable[Problem]:
        yield from _text_problems(self, "name")
        if isinstance(self.name, str) and not self.name.strip():
            yield Problem("name", "must not be blank: it begins the environment's name at the provider")
        for field in ("config", "networking", "packages"):
            value = getattr(self, field)
            if not isinstance(value, Mapping) and not (value is None and field != "config"):
                yield Problem(field, f"must be a mapping, not {type(value).__name__}")
        seen: set[str] = set()
        for place, runtime in enumerate(self.runtimes):
            path = f"runtimes[{place}]"
            if not isinstance(runtime, Runtime):
                yield Problem(path, f"must be a Runtime(lang, version), not {type(runtime).__name__}")
                continue
            yield from runtime.problems(path)
            if str(runtime.lang) in seen:
                yield Problem(path, f"has the language {runtime.lang!r}, as one before it")
            seen.add(str(runtime.lang))

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration with the short fields folded in; what is in `config` wins."""
        short = {"networking": self.networking, "packages": self.packages}
        return {**{field: value for field, value in short.items() if value is not None}, **self.config}

    @property
    def content(self) -> dict[str, Any]:
        """Everything but the name, as plain data; what has not been said is not in it."""
        told = {"config": self.settings, "runtimes": [attrs.asdict(runtime) for runtime in self.runtimes]}
        return {field: value for field, value in told.items() if value}

    @property
    def digest(self) -> str:
        """Of the content."""
        return digest_of("environment", self.content)


def _text_problems(spec: object, *fields: str) -> Iterable[Problem]:
    for field in fields:
        value = getattr(spec, field)
        if not isinstance(value, str):
            yield Problem(field, f"must be text, not {type(value).__name__}")
