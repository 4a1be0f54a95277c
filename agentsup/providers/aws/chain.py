"""Where credentials and region are looked for when nobody passed them, in AWS's own order."""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs
import httpx

from agentsup.providers.aws.credentials import Credentials, NoCredentials
from agentsup.providers.aws.metadata import Container, Instance
from agentsup.providers.aws.profile import Profile, read_profile


@attrs.frozen(kw_only=True)
class DefaultChain:
    """The environment, then the profile on disk, then the container's endpoint, then the instance's. The first that has some counts.

    A place that is named but broken (a profile that is not there, half a key in the environment) is an error and not passed over:
    otherwise a slip of the pen would sign as somebody else.
    """

    environ: Mapping[str, str] = attrs.field(factory=lambda: os.environ, repr=False)
    profile: str | None = None
    """Else `AWS_PROFILE`, else `default`."""

    transport: httpx.AsyncBaseTransport | None = attrs.field(default=None, repr=False)
    """What carries the questions to container and instance, in tests."""

    async def load(self) -> Credentials:
        """The first credentials there are.

        Raises:
            NoCredentials: with every place that was looked at.
        """
        if self.profile is None and (told := from_environment(self.environ)) is not None:
            return told
        profile = read_profile(self.environ, self.profile)
        if profile is not None and (profile.has_keys or self.profile is not None):
            return await profile.load()
        if Container.is_told_of(self.environ):
            return await Container(self.environ, self.transport).load()
        places = "AWS_ACCESS_KEY_ID, the credentials and config files, a container's endpoint"
        if self.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise NoCredentials(f"no AWS credentials in {places} (the instance's metadata service is disabled)")
        try:
            return await Instance(self.environ, self.transport).load()
        except NoCredentials as exc:
            raise NoCredentials(f"no AWS credentials in {places}, and {exc}") from exc


def from_environment(environ: Mapping[str, str]) -> Credentials | None:
    """What `AWS_ACCESS_KEY_ID` and its companions say; None without it.

    Raises:
        NoCredentials: half of it is there.
    """
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not key and not secret:
        return None
    if not key or not secret:
        missing = "AWS_ACCESS_KEY_ID" if not key else "AWS_SECRET_ACCESS_KEY"
        raise NoCredentials(f"{missing} is missing in the environment, and the other half is there")
    token = environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_SECURITY_TOKEN") or None
    return Credentials(access_key_id=key, secret_access_key=secret, session_token=token)


def region_from(environ: Mapping[str, str]) -> str | None:
    """The region of the environment, else of the profile; None if neither says."""
    told = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if told:
        return told
    try:
        profile: Profile | None = read_profile(environ)
    except NoCredentials:
        return None  # told where the credentials are asked for
    return None if profile is None else profile.region
