"""The client: harnesses and their endpoints on one plane, commands and stopping on the other."""

from __future__ import annotations

import os
from typing import Any

from agentsup.agentcore.artifacts import Artifacts
from agentsup.agentcore.commands import Commands
from agentsup.agentcore.endpoints import Endpoints
from agentsup.agentcore.harnesses import Harnesses
from agentsup.agentcore.line import Line
from agentsup.agentcore.runtime_sessions import RuntimeSessions
from agentsup.control.client import HttpClient
from agentsup.errors import Problem, SpecError
from agentsup.providers.agentcore.provider import endpoint_from_environment
from agentsup.providers.aws.chain import DefaultChain, region_from
from agentsup.providers.aws.credentials import Credentials, CredentialSource, Fixed, Fresh
from agentsup.providers.aws.sending import Sender
from agentsup.providers.aws.signing import Signer
from agentsup.providers.aws.target import base_problems
from agentsup.wire.agentcore import names
from agentsup.wire.agentcore.requests import SERVICE


class Client(HttpClient):
    """Bedrock AgentCore's harnesses in one region, as one owner of credentials sees them.

    Use it as an async context manager, or call `aclose`. Nothing is opened before the first request. Any number of tasks may use one
    client; a deadline for a call is a trio scope around it, and a cancelled call holds no connection. What is repeated after a failure,
    and what never is, stands in docs/reference/agentcore-client.md.
    """

    def __init__(
        self,
        region: str | None = None,
        credentials: Credentials | CredentialSource | None = None,
        endpoint_url: str | None = None,
        control_endpoint_url: str | None = None,
        http: Any = None,
        *,
        max_retries: int = 2,
    ) -> None:
        """A client for one region.

        Args:
            region: else `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's.
            credentials: a key, or a source of keys with a method `load`; else the environment, the profile on disk, the container, the instance.
            endpoint_url: where sessions are; else `AWS_ENDPOINT_URL_BEDROCK_AGENTCORE`, else the region's own address.
            control_endpoint_url: where harnesses are kept; else `endpoint_url`, else `AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL`, else the
                region's own address. For both, `AWS_ENDPOINT_URL` goes before the region's own.
            http: an `httpx.AsyncClient` to use instead of our own. It stays yours: it is not closed here.
            max_retries: how often a request is repeated that may be.

        Raises:
            SpecError: something is missing or cannot be used; all of it is listed.
        """
        region = region or region_from(os.environ)
        data_url = endpoint_url or endpoint_from_environment("BEDROCK_AGENTCORE")
        # An address that was given is not AWS's own, so neither is the other plane's: one address then serves both.
        control_url = control_endpoint_url or endpoint_url or endpoint_from_environment("BEDROCK_AGENTCORE_CONTROL")
        problems = list(_problems(region, credentials, max_retries))
        urls = {"endpoint_url": data_url, "control_endpoint_url": control_url}
        problems += [Problem(name, why) for name, url in urls.items() if url is not None for why in base_problems(url)]
        if problems:
            raise SpecError(problems)
        assert region is not None
        self.region = region
        """Where its harnesses are."""
        super().__init__(http)
        self.control_url = control_url or names.control_host(region)
        """Where harnesses are kept."""
        keys = Fresh(_source(credentials))
        signer = Signer(region=region, service=SERVICE)
        control = Line(Sender(self._http, self.control_url, signer, keys), most=max_retries)
        data = Line(Sender(self._http, data_url or names.data_host(region), signer, keys), most=max_retries)
        self.harnesses = Harnesses(control)
        self.endpoints = Endpoints(control)
        self.commands = Commands(data)
        self.sessions = RuntimeSessions(data)

    def artifacts(self, harness: Any, runtime_session_id: str, folder: str, *, timeout: int = 300) -> Artifacts:
        """The files in a folder of a session's machine; nothing is asked yet.

        Args:
            harness: the harness's ARN or handle.
            runtime_session_id: whose machine.
            folder: where; what is under the mount path of the harness's session storage outlives the machine.
            timeout: seconds one command may take.

        Raises:
            SpecError: the folder is none.
        """
        return Artifacts(self.commands, harness, runtime_session_id, folder, timeout)

    def __repr__(self) -> str:
        return f"<Client of AgentCore in {self.region}>"


def _source(credentials: Credentials | CredentialSource | None) -> CredentialSource:
    match credentials:
        case None:
            return DefaultChain()
        case Credentials():
            return Fixed(credentials)
        case _:
            return credentials


def _problems(region: object, credentials: object, max_retries: object) -> list[Problem]:
    found = []
    if region is None:
        found.append(Problem("region", "is missing: pass region= or set AWS_REGION"))
    elif not (isinstance(region, str) and names.REGION.fullmatch(region)):
        found.append(Problem("region", f"must be a region such as us-east-1, not {region!r}"))
    if isinstance(credentials, Credentials):
        found += credentials.problems()
    elif credentials is not None and not isinstance(credentials, CredentialSource):
        kind = type(credentials).__name__
        found.append(Problem("credentials", f"must be Credentials or have an async method load(), not {kind}"))
    if type(max_retries) is not int or max_retries < 0:
        found.append(Problem("max_retries", f"must be an integer of at least 0, not {max_retries!r}"))
    return found
