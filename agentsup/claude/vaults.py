"""Vaults and the credentials in them. Secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from agentsup.claude.ask import MANAGED, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Deleted, Part, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class Vault(Thing):
    """A vault."""

    display_name: str = ""
    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None


@attrs.frozen(kw_only=True)
class Credential(Thing):
    """What is known of a credential without its secret."""

    vault_id: str = ""
    display_name: str | None = None
    auth: Raw = attrs.field(factory=dict, repr=hidden)
    """Its kind (`type`: `environment_variable`, `mcp_oauth`, `static_bearer`) and where it is used."""

    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None


@attrs.frozen(kw_only=True)
class CredentialValidation(Part):
    """Whether a credential still works."""

    credential_id: str = ""
    vault_id: str = ""
    status: str = ""
    """`valid`, `invalid`, `unknown`, or a word yet unknown."""

    has_refresh_token: bool = False
    mcp_probe: Raw | None = attrs.field(default=None, repr=hidden)
    refresh: Raw | None = attrs.field(default=None, repr=hidden)
    validated_at: str = ""


class Vaults(Group):
    """`client.vaults`."""

    _beta: ClassVar[str | None] = MANAGED

    async def create(self, *, display_name: str, metadata: Maybe[Mapping[str, str]] = OMIT) -> Vault:
        """Make a vault. After an error that is `ambiguous`, look for one with your name in `list()`.

        Raises:
            ApiError: there is no vault, or nobody knows.
        """
        body = given(display_name=display_name, metadata=metadata)
        return await self._post(Vault, "creating a vault", "/v1/vaults", body, again=False)

    async def get(self, vault_id: str) -> Vault:
        """The vault.

        Raises:
            NotFound: there is none with that id.
            ApiError: it cannot be had.
        """
        return await self._get(Vault, "looking up a vault", at("/v1/vaults/{vault_id}", vault_id=vault_id))

    async def update(
        self, vault_id: str, *, display_name: Maybe[str] = OMIT, metadata: Maybe[Mapping[str, str | None]] = OMIT
    ) -> Vault:
        """Change it. What is omitted stays; in `metadata` only the named keys change, null removes one.

        Raises:
            ApiError: it cannot be changed.
        """
        body = given(display_name=display_name, metadata=metadata)
        path = at("/v1/vaults/{vault_id}", vault_id=vault_id)
        return await self._post(Vault, "changing a vault", path, body, again=True)

    def list(
        self, *, include_archived: bool | None = None, limit: int | None = None, page: str | None = None
    ) -> Listing[Vault]:
        """The vaults."""
        asked = query(include_archived=include_archived, limit=limit, page=page)
        return self._list(Vault, "listing vaults", "/v1/vaults", asked)

    async def archive(self, vault_id: str) -> Vault:
        """Let no more sessions use it. A second time changes nothing.

        Raises:
            ApiError: it cannot be archived.
        """
        path = at("/v1/vaults/{vault_id}/archive", vault_id=vault_id)
        return await self._post(Vault, "archiving a vault", path, again=True)

    async def delete(self, vault_id: str) -> Deleted:
        """Remove it with its credentials.

        Raises:
            ApiError: it cannot be deleted.
        """
        return await self._delete("deleting a vault", at("/v1/vaults/{vault_id}", vault_id=vault_id), vault_id)


class Credentials(Group):
    """`client.credentials`."""

    _beta: ClassVar[str | None] = MANAGED

    async def create(
        self,
        vault_id: str,
        *,
        auth: Mapping[str, Any],
        display_name: Maybe[str | None] = OMIT,
        metadata: Maybe[Mapping[str, str]] = OMIT,
    ) -> Credential:
        """Put a credential into a vault. After an error that is `ambiguous`, look in `list`.

        Raises:
            ApiError: there is no credential, or nobody knows.
        """
        body = given(auth=auth, display_name=display_name, metadata=metadata)
        path = at("/v1/vaults/{vault_id}/credentials", vault_id=vault_id)
        return await self._post(Credential, "creating a credential", path, body, again=False)

    async def get(self, vault_id: str, credential_id: str) -> Credential:
        """What is known of the credential.

        Raises:
            NotFound: the vault has none with that id.
            ApiError: it cannot be had.
        """
        return await self._get(Credential, "looking up a credential", _one(vault_id, credential_id))

    async def update(
        self,
        vault_id: str,
        credential_id: str,
        *,
        auth: Maybe[Mapping[str, Any]] = OMIT,
        display_name: Maybe[str | None] = OMIT,
        metadata: Maybe[Mapping[str, str | None]] = OMIT,
    ) -> Credential:
        """Change it, its secret included, but not its kind. What is omitted stays; in `metadata` only the named keys change.

        Raises:
            ApiError: it cannot be changed.
        """
        body = given(auth=auth, display_name=display_name, metadata=metadata)
        path = _one(vault_id, credential_id)
        return await self._post(Credential, "changing a credential", path, body, again=True)

    def list(
        self,
        vault_id: str,
        *,
        include_archived: bool | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[Credential]:
        """A vault's credentials."""
        path = at("/v1/vaults/{vault_id}/credentials", vault_id=vault_id)
        asked = query(include_archived=include_archived, limit=limit, page=page)
        return self._list(Credential, "listing credentials", path, asked)

    async def archive(self, vault_id: str, credential_id: str) -> Credential:
        """Use it no more. A second time changes nothing.

        Raises:
            ApiError: it cannot be archived.
        """
        path = f"{_one(vault_id, credential_id)}/archive"
        return await self._post(Credential, "archiving a credential", path, again=True)

    async def delete(self, vault_id: str, credential_id: str) -> Deleted:
        """Remove it.

        Raises:
            ApiError: it cannot be deleted.
        """
        return await self._delete("deleting a credential", _one(vault_id, credential_id), credential_id)

    async def validate(self, vault_id: str, credential_id: str) -> CredentialValidation:
        """Try an OAuth credential on its MCP server, and refresh it where that is due.

        Raises:
            ApiError: it cannot be tried.
        """
        path = f"{_one(vault_id, credential_id)}/mcp_oauth_validate"
        return await self._post(CredentialValidation, "validating a credential", path, again=True)


def _one(vault_id: str, credential_id: str) -> str:
    return at("/v1/vaults/{vault_id}/credentials/{credential_id}", vault_id=vault_id, credential_id=credential_id)
