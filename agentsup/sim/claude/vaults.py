"""Vaults and the credentials in them. Secrets go in and never come out.

Rules: API reference, "Vaults" and "Credentials".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.refusal import Refused, invalid
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .gates import managed_agents
from .shelf import Kind, Record, Shelf, read_kept_text, read_metadata

_SECRETS = frozenset({"secret_value", "access_token", "token", "refresh_token", "client_secret"})
_REQUIRED = {
    "environment_variable": ("secret_name", "secret_value"),
    "mcp_oauth": ("access_token", "mcp_server_url"),
    "static_bearer": ("token", "mcp_server_url"),
}
_DEFAULTS: dict[str, Json] = {
    "environment_variable": {
        "networking": {"type": "unrestricted"},
        "injection_location": {"header": True, "body": False},
    },
    "mcp_oauth": {"expires_at": None, "refresh": None},
}
"""What is written out where nothing is said."""


class Vaults:
    """The vaults, their credentials, and the endpoints of both."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._vaults = Shelf(world, Kind("vault", "vault", "vlt", "/v1/vaults", _read_vault, managed_agents))
        credential = Kind(
            "credential",
            "vault_credential",
            "vcrd",
            "/v1/vaults/{vault_id}/credentials",
            _read_credential,
            managed_agents,
            parent="vault_id",
        )
        self._credentials = Shelf(world, credential, parent=self._vaults)

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        validate = "/v1/vaults/{vault_id}/credentials/{id}/mcp_oauth_validate"
        return [
            *self._vaults.routes(),
            *self._credentials.routes(),
            Route("POST", validate, self._validate, managed_agents),
        ]

    def check_usable(self, vault_ids: Iterable[str]) -> None:
        """Looks up the vaults of a session that is about to start.

        Raises:
            Refused: 404, one does not exist; 400, one is archived.
        """
        for index, vault_id in enumerate(vault_ids):
            vault = self._vaults.find(vault_id)
            if vault is None:
                details = {"error_code": "vault_not_found"}
                raise Refused(404, f"vault {vault_id} was not found (vault_not_found)", details=details)
            if vault.archived_at is not None:
                raise invalid(f"vault_ids.{index}", f"{vault_id} is archived", code="vault_archived")

    async def _validate(self, request: Request) -> Response:
        """The simulator reaches no server, so it cannot know."""
        record = self._credentials.found(request)
        return Response.json(
            {
                "type": "vault_credential_validation",
                "credential_id": record.id,
                "vault_id": record.fields["vault_id"],
                "has_refresh_token": "refresh" in record.fields["auth"],
                "mcp_probe": None,
                "refresh": None,
                "status": "unknown",
                "validated_at": self._world.calendar.stamp(),
            }
        )


def _read_vault(form: Form, record: Record | None) -> Json:
    return {
        "display_name": read_kept_text(form, record, "display_name", required=True, most=255),
        "metadata": read_metadata(form, record),
    }


def _read_credential(form: Form, record: Record | None) -> Json:
    current: Json | None = None if record is None else record.fields["auth"]
    auth = form.child("auth", required=record is None)
    if auth is not None:
        kind = auth.choice("type", _REQUIRED, required=True)
        if current is not None and kind != current["type"]:
            auth.wrong("type", f"cannot be changed from {current['type']}")
        for key in _REQUIRED.get(kind or "", ()):
            auth.text(key, required=current is None, least=1)
        _check_refresh(auth, required=current is None)
        current = {**_DEFAULTS.get(kind or "", {}), **(current or {}), **_without_secrets(auth.data)}
    return {
        "display_name": read_kept_text(form, record, "display_name", most=255),
        "auth": current or {},
        "metadata": read_metadata(form, record),
    }


def _check_refresh(auth: Form, *, required: bool) -> None:
    refresh = auth.child("refresh")
    if refresh is None:
        return
    for key in ("client_id", "refresh_token", "token_endpoint"):
        refresh.text(key, required=required, least=1)
    how = refresh.child("token_endpoint_auth", required=required)
    if how is not None:
        how.choice("type", ("none", "client_secret_basic", "client_secret_post"), required=True)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items() if key not in _SECRETS}
    return value
