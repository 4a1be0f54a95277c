"""With what a client talks to the service: argument, then environment variable, then default."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import attrs

from agentsup.errors import Problem
from agentsup.providers.address import BASE_URL, address_problems, base_url_of, has_auth
from agentsup.wire.managed.requests import authorization

VERSION: Final = "2026-10-21"
"""The API version whose shapes the values here have."""


@attrs.frozen(kw_only=True)
class Settings:
    """What the arguments and the environment come to."""

    api_key: str | None = attrs.field(default=None, repr=False)
    auth_token: str | None = attrs.field(default=None, repr=False)
    base_url: str = BASE_URL
    workspace_id: str | None = None
    version: str = VERSION

    @classmethod
    def found(
        cls,
        *,
        api_key: str | None,
        auth_token: str | None,
        base_url: str | None,
        workspace_id: str | None,
        version: str | None,
    ) -> Settings:
        """The arguments, completed. Credentials that are given keep those of the environment out."""
        if api_key is None and auth_token is None:
            api_key = os.environ.get("ANTHROPIC_API_KEY") or None
            auth_token = None if api_key else os.environ.get("ANTHROPIC_AUTH_TOKEN") or None
        return cls(
            api_key=api_key,
            auth_token=auth_token,
            base_url=base_url_of(base_url),
            workspace_id=workspace_id,
            version=version or VERSION,
        )

    @property
    def secret(self) -> str | None:
        """The credential, to be kept out of what is quoted."""
        return self.auth_token or self.api_key

    def headers(self) -> dict[str, str]:
        """The headers of every request. A token, and a key that is one by its looks, travel as bearers; keys in their own header.

        Without either there is no such header: the client that was given must bring it.
        """
        common = {"anthropic-version": self.version, "accept": "application/json"}
        if self.workspace_id:
            common["anthropic-workspace-id"] = self.workspace_id
        if self.auth_token:
            return {"authorization": f"Bearer {self.auth_token}", **common}
        return {**authorization(self.api_key), **common}

    def problems(self, http: Any) -> Iterator[Problem]:
        """What is wrong with them."""
        if self.secret is None and not has_auth(http):
            yield Problem("api_key", "is missing: pass api_key= or auth_token=, or set ANTHROPIC_API_KEY")
        if self.api_key is not None and self.auth_token is not None:
            yield Problem("auth_token", "and api_key are two answers to one question: pass one of them")
        if self.secret is not None and not _fits_a_header(self.secret):
            yield Problem("api_key", "must be visible ASCII without spaces: a header cannot carry anything else")
        yield from address_problems(self.base_url)


def _fits_a_header(secret: str) -> bool:
    """Whether it can be sent; the HTTP client would quote one that cannot in its complaint."""
    return all("!" <= letter <= "~" for letter in secret)
