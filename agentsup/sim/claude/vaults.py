"""Vaults and the credentials in them. Secrets go in and never come out.

Rules: API reference, "Vaults" and "Credentials".
"""

from __future__ import annotations

from collections.abc import Iterable

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.refusal import Refused, invalid
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .credentials import read_credential
from .gates import managed_agents
from .shelf import Kind, Record, Shelf, read_kept_text, read_metadata


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
            read_credential,
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
                "has_refresh_token": record.fields["auth"].get("refresh") is not None,
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
