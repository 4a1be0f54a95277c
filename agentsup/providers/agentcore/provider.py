"""The provider value for Bedrock AgentCore: which harness, as whom, and with what otherwise."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from agentsup.errors import Problem
from agentsup.providers.agentcore.driver import HarnessDriver, new_session_id
from agentsup.providers.agentcore.overrides import OVERRIDES, Overrides, options_of
from agentsup.providers.aws.chain import DefaultChain, region_from
from agentsup.providers.aws.credentials import Credentials, CredentialSource, Fixed
from agentsup.providers.aws.target import base_problems
from agentsup.providers.base import Driver, Opening
from agentsup.talk.artifact import Artifact
from agentsup.talk.limits import is_positive
from agentsup.wire.agentcore import names


@attrs.frozen(kw_only=True)
class BedrockAgentCore:
    """An agent that runs in a Bedrock AgentCore harness; the inline functions it calls run here.

    Constructing one opens nothing and checks nothing; a session that is started with it does both. What is not given is taken from the
    environment, then from the default. The service keeps a session's conversation and does not show it: what was lost with a connection is
    lost, and a request that may have begun is never sent again.
    """

    harness: Any = None
    """The harness's ARN, or a handle that has it as `harness_arn` or `arn`."""

    runtime_session_id: str | None = None
    """An existing session to go on with, 33 to 100 characters; without, one is made up. One session here per session there."""

    region: str | None = None
    """Else the one in the harness's ARN."""

    credentials: Credentials | CredentialSource | None = attrs.field(default=None, repr=False)
    """A key, or a source of keys with a method `load`; else the environment, the profile on disk, the container, the instance."""

    endpoint_url: str | None = None
    """Where harnesses are invoked; else `AWS_ENDPOINT_URL_BEDROCK_AGENTCORE`, else `AWS_ENDPOINT_URL`, else the region's own address."""

    control_endpoint_url: str | None = None
    """Where harnesses are made, by `provision`; else `endpoint_url` where that is given, else `AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL`, else the
    region's own address. Sessions do not go there."""

    http: Any = attrs.field(default=None, repr=False)
    """An `httpx.AsyncClient` to use instead of our own. It stays yours: it is not closed here, and its limits hold; its pool counts open
    streams. Requests are signed as they are, so nothing of its own headers, parameters or authentication goes into them."""

    qualifier: str | None = None
    """The harness's endpoint to ask, by name; else the service's `DEFAULT`."""

    overrides: Overrides | None = None
    """What this session has otherwise than the harness."""

    idle_timeout: float = 300.0
    """Seconds without a byte in the middle of a turn after which it is given up. The service says nothing while its model thinks."""

    storage: str = "/mnt/data"
    """The folder over there in which `agentsup.Artifacts` finds and puts files; under the mount path of the harness's session storage, or
    they go with the machine."""

    @property
    def kind(self) -> str:
        """`bedrock-agentcore`."""
        return "bedrock-agentcore"

    @property
    def has_history(self) -> bool:
        """No: what a turn said is told once, in its own stream."""
        return False

    @property
    def provider_session_id(self) -> str | None:
        """The existing session to go on with."""
        return self.runtime_session_id

    @property
    def configurable(self) -> Sequence[str]:
        """Every override."""
        return OVERRIDES

    @property
    def keeps_options(self) -> bool:
        """No: the service forgets them after each invoke."""
        return False

    @property
    def endpoint(self) -> Hashable:
        """Harness, address, and everything else that a driver is made of (as a digest: the value shows in the tree), as one text."""
        told = (self._region, self.qualifier, self._wire_overrides(), self.idle_timeout, self.owner)
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=repr).encode()).hexdigest()[:8]
        client = f" via {id(self.http):x}" if self.http is not None else ""
        return f"{self.kind} {self._arn} at {self._base_url} as {digest}{client}"

    @property
    def home_region(self) -> str | None:
        """The region in the harness's ARN, if there is one."""
        arn = names.parse_arn(self._arn)
        return None if arn is None else arn.region

    @property
    def owner(self) -> str:
        """Whose credentials it uses, as a digest: equal ones are equal, and nothing can be read from it."""
        match self.credentials:
            case None:
                who = " ".join(os.environ.get(name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
            case Credentials(access_key_id=key, secret_access_key=secret, session_token=token):
                who = f"{key} {secret} {token}"
            case _:
                who = f"{id(self.credentials):x}"
        return hashlib.sha256(who.encode()).hexdigest()[:8]

    def problems(self) -> Iterable[Problem]:
        """What is wrong with the value."""
        arn = names.parse_arn(self._arn)
        if not self._arn:
            yield Problem("harness", "is missing: pass a harness's ARN or handle")
        elif arn is None:
            yield Problem("harness", f"must be a harness's ARN or handle, not {self._arn!r}")
        elif self.region is not None and self.region != arn.region:
            yield Problem("region", f"is {self.region!r}, and the harness is in {arn.region!r}")
        if self.region is not None and not (isinstance(self.region, str) and names.REGION.fullmatch(self.region)):
            yield Problem("region", f"must be a region such as us-east-1, not {self.region!r}")
        yield from self._session_problems()
        for problem in base_problems(self._base_url) if self._region else ():
            yield Problem("endpoint_url", problem)
        if isinstance(self.credentials, Credentials):
            yield from self.credentials.problems()
        elif self.credentials is not None and not isinstance(self.credentials, CredentialSource):
            kind = type(self.credentials).__name__
            yield Problem("credentials", f"must be Credentials or have an async method load(), not {kind}")

    def _session_problems(self) -> Iterable[Problem]:
        if self.runtime_session_id is not None and (why := names.session_id_problem(self.runtime_session_id)):
            yield Problem("runtime_session_id", why)
        if self.qualifier is not None and not (
            isinstance(self.qualifier, str) and names.ENDPOINT_NAME.fullmatch(self.qualifier)
        ):
            yield Problem(
                "qualifier", f"must be an endpoint's name (letters, digits, '_', up to 48), not {self.qualifier!r}"
            )
        if not isinstance(self.storage, str) or not self.storage.strip() or not self.storage.isprintable():
            yield Problem("storage", "must be a path, such as /mnt/data")
        if not is_positive(self.idle_timeout):
            yield Problem("idle_timeout", f"must be a positive number of seconds, not {self.idle_timeout!r}")
        if isinstance(self.overrides, Overrides):
            yield from (Problem(f"overrides.{problem.path}", problem.message) for problem in self.overrides.problems())
        elif self.overrides is not None:
            yield Problem("overrides", f"must be Overrides or None, not {type(self.overrides).__name__}")

    def options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Overrides from now on, in the service's words; None takes back what was configured before.

        Raises:
            SpecError: some cannot be used; all of them are named.
        """
        return options_of(given)

    def connect(self) -> HarnessDriver:
        """A driver for the harness."""
        return HarnessDriver(
            base_url=self._base_url,
            region=self._region,
            credentials=self._source(),
            arn=self._arn,
            qualifier=self.qualifier,
            overrides=self._wire_overrides(),
            idle_timeout=self.idle_timeout,
            http=self.http,
        )

    async def open(self, driver: Driver, opening: Opening) -> str:
        """A session's id. The service makes the session when it is first spoken to."""
        return new_session_id(opening.token)

    async def files(self, driver: Driver, provider_session_id: str) -> Sequence[Artifact]:
        """The files in the folder `storage` of the session's machine, which is started for that if it does not run."""
        assert isinstance(driver, HarnessDriver)
        return await driver.files(provider_session_id, self.storage)

    @property
    def _arn(self) -> str:
        return arn_of(self.harness)

    @property
    def _region(self) -> str:
        return self.region or self.home_region or region_from(os.environ) or ""

    @property
    def _base_url(self) -> str:
        told = self.endpoint_url or endpoint_from_environment("BEDROCK_AGENTCORE")
        return told or names.data_host(self._region)

    def _source(self) -> CredentialSource:
        match self.credentials:
            case None:
                return DefaultChain()
            case Credentials():
                return Fixed(self.credentials)
            case _:
                return self.credentials

    def _wire_overrides(self) -> dict[str, Any]:
        return {} if self.overrides is None else self.overrides.as_wire()


def arn_of(value: Any) -> str:
    """The ARN in an ARN or a handle; empty if there is none."""
    found = value if isinstance(value, str) else getattr(value, "harness_arn", None) or getattr(value, "arn", None)
    return found if isinstance(found, str) else ""


def endpoint_from_environment(service: str) -> str | None:
    """The address the environment names for a service, as AWS's own clients read it."""
    return os.environ.get(f"AWS_ENDPOINT_URL_{service}") or os.environ.get("AWS_ENDPOINT_URL") or None
