"""One harness: its versions, its endpoints, and where in its life it is."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import trio

from agentsup.sim.exchange import Json

from .arn import ACCOUNT, arn_of
from .endpoint import DEFAULT, Endpoint
from .lifecycle import GONE, READY, Life

MOST_ITERATIONS = 75
LONGEST_TURN_S = 3600
"""What the service documents as its own limits where a harness sets none."""

_MEMORY_STRATEGIES = ["SEMANTIC", "SUMMARIZATION"]


@attrs.define(eq=False)
class Version:
    """What a harness was defined as at one time."""

    number: int
    definition: Json = attrs.field(repr=False)
    life: Life
    created_at: str

    @property
    def place(self) -> int:
        """Its place in the list of versions."""
        return self.number


@attrs.define(eq=False)
class Harness:
    """A harness as the API shows it."""

    id: str
    name: str
    region: str
    place: int
    created_at: str
    updated_at: str
    versions: list[Version] = attrs.field(repr=False)
    endpoints: dict[str, Endpoint] = attrs.field(factory=dict, repr=False)
    tags: dict[str, str] = attrs.field(factory=dict, repr=False)
    leaving: Life | None = None
    """Its deletion, once that was asked for."""

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn_of(self.region, "harness", self.id)

    @property
    def runtime_id(self) -> str:
        """The id of the runtime it is made of."""
        name, _, code = self.id.rpartition("-")
        return f"harness_{name}-{code}"

    @property
    def life(self) -> Life:
        """The stretch of life it is in."""
        return self.leaving or self.versions[-1].life

    @property
    def status(self) -> str:
        """Its status at this moment."""
        return self.life.at(trio.current_time())

    @property
    def gone(self) -> bool:
        """Whether it has been deleted."""
        return self.status == GONE

    @property
    def current(self) -> Version:
        """The newest version that is, or may yet be, in force."""
        now = trio.current_time()
        good = [version for version in self.versions if version.life.failure_at(now) is None]
        return (good or self.versions)[-1]

    def version(self, number: int) -> Version | None:
        """A version by its number."""
        return self.versions[number - 1] if 1 <= number <= len(self.versions) else None

    def endpoint(self, name: str) -> Endpoint | None:
        """An endpoint by its name; what was deleted is gone."""
        found = self.endpoints.get(name)
        if found is not None and found.gone:
            del self.endpoints[name]
            return None
        return found

    def standing(self) -> Iterator[Endpoint]:
        """The endpoints there are, oldest first."""
        for name in list(self.endpoints):
            found = self.endpoint(name)
            if found is not None:
                yield found

    def begin(self, definition: Json, life: Life, now: str) -> Version:
        """A new version takes its course, and the default endpoint follows it."""
        version = Version(len(self.versions) + 1, definition, life, now)
        self.versions.append(version)
        self.updated_at = now
        if DEFAULT in self.endpoints:
            self.endpoints[DEFAULT].move(version.number, life, now)
        return version

    def summary(self) -> Json:
        """The harness as lists show it."""
        return {
            "harnessId": self.id,
            "harnessName": self.name,
            "arn": self.arn,
            "status": self.status,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "harnessVersion": str(self.current.number),
        }

    def version_summary(self, version: Version) -> Json:
        """A version as its list shows it."""
        now = trio.current_time()
        failure = version.life.failure_at(now)
        return {
            "harnessId": self.id,
            "harnessName": self.name,
            "arn": self.arn,
            "harnessVersion": str(version.number),
            "status": version.life.at(now),
            "createdAt": version.created_at,
            "updatedAt": version.created_at,
            **({} if failure is None else {"failureReason": failure}),
        }

    def view(self, version: Version | None = None) -> Json:
        """The harness as the API writes it, with one version's definition."""
        shown = version or self.current
        failure = self.life.failure_at(trio.current_time())
        return {
            **self.summary(),
            **self._defaults(),
            **{name: value for name, value in shown.definition.items() if name != "environment"},
            "environment": {"agentCoreRuntimeEnvironment": self._environment(shown.definition)},
            "harnessVersion": str(shown.number),
            **({} if failure is None else {"failureReason": failure}),
        }

    def _defaults(self) -> Json:
        """What the service fills in where a definition is silent."""
        memory = f"arn:aws:bedrock-agentcore:{self.region}:{ACCOUNT}:memory/{self.runtime_id}"
        return {
            "model": {"bedrockModelConfig": {"modelId": "global.anthropic.claude-sonnet-4-5-20250929-v1:0"}},
            "systemPrompt": [],
            "tools": [],
            "skills": [],
            "allowedTools": ["*"],
            "truncation": {"strategy": "sliding_window", "config": {"slidingWindow": {"messagesCount": 40}}},
            "memory": {
                "managedMemoryConfiguration": {
                    "arn": memory,
                    "strategies": _MEMORY_STRATEGIES,
                    "eventExpiryDuration": 30,
                }
            },
        }

    def _environment(self, definition: Json) -> Json:
        given = definition.get("environment", {}).get("agentCoreRuntimeEnvironment", {})
        lifecycle = {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800, **given.get("lifecycleConfiguration", {})}
        return {
            "networkConfiguration": {"networkMode": "PUBLIC"},
            **given,
            "lifecycleConfiguration": lifecycle,
            "agentRuntimeArn": arn_of(self.region, "runtime", self.runtime_id),
            "agentRuntimeName": self.runtime_id.rpartition("-")[0],
            "agentRuntimeId": self.runtime_id,
        }


def is_ready(thing: Harness | Endpoint) -> bool:
    """Whether it can be used at this moment."""
    return thing.status == READY
