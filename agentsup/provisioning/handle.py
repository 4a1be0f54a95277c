"""What provisioning hands out."""

from __future__ import annotations

from typing import Any

import attrs

from agentsup.provisioning.backend import Resource, Role
from agentsup.provisioning.runtimes import Bootstrap


@attrs.frozen(kw_only=True)
class Handle:
    """What was provisioned, ready to be handed to a provider: `ClaudeManagedAgents(agent=handle, environment=handle)`.

    Equal specs give equal handles, whoever asks. A handle holds no connection; what it names lives on until `teardown` or `prune`.
    """

    kind: str
    """The provider in one word: `claude-managed-agents`."""

    resources: tuple[Resource, ...]
    """What there is at the provider, in the order in which it was made."""

    bootstrap: Bootstrap | None = attrs.field(default=None, eq=False)
    """How the agent gets the runtimes of its environment's spec; None if it has none."""

    provider: Any = attrs.field(default=None, eq=False, repr=False)
    """The provider it was made with: where `teardown` and `tag` go unless they are told otherwise."""

    def resource(self, role: Role) -> Resource | None:
        """The resource in that role; None if this handle has none."""
        return next((resource for resource in self.resources if resource.role == role), None)

    @property
    def agent_id(self) -> str | None:
        """The agent's id, where there is one."""
        return self._id("agent")

    @property
    def environment_id(self) -> str | None:
        """The environment's id, where there is one."""
        return self._id("environment")

    @property
    def harness_id(self) -> str | None:
        """The harness's id, where there is one."""
        return self._id("harness")

    @property
    def harness_arn(self) -> str | None:
        """The harness's ARN, where there is one."""
        found = self.resource("harness")
        return found.arn if found is not None else None

    @property
    def name(self) -> str:
        """The name of its first resource: `<base>_<digest>`."""
        return self.resources[0].name

    @property
    def base(self) -> str:
        """The name people gave it."""
        return self.resources[0].base

    @property
    def digest(self) -> str:
        """The digest of its first resource's content."""
        return self.resources[0].digest

    def _id(self, role: Role) -> str | None:
        found = self.resource(role)
        return found.id if found is not None else None
