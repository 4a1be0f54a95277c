"""Runtime sessions: the machines in which harnesses work, and which cost something until they are stopped."""

from __future__ import annotations

from typing import Any

from agentsup.agentcore.line import Line
from agentsup.control.errors import NotFound
from agentsup.errors import Problem, SpecError
from agentsup.providers.agentcore.provider import arn_of
from agentsup.providers.agentcore.stopping import stop_ask
from agentsup.wire.agentcore import names


class RuntimeSessions:
    """The sessions of harnesses, by their ids. The service does not list them."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def __repr__(self) -> str:
        return f"<RuntimeSessions of {self._line!r}>"

    async def stop(self, harness: Any, runtime_session_id: str, *, qualifier: str | None = None) -> bool:
        """Stop a session's machine at once, whatever it does; its memory is billed until then, also while it idles.

        Args:
            harness: the harness's ARN or handle.
            runtime_session_id: which.
            qualifier: the harness's endpoint; else `DEFAULT`.

        Returns:
            Whether there was one; a session that is gone is stopped.

        Raises:
            SpecError: one of these cannot be used; all of it is listed.
            ApiError: it cannot be stopped.
        """
        arn = arn_of(harness)
        problems = [] if names.parse_arn(arn) else [Problem("harness", "must be a harness's ARN or handle")]
        if why := names.session_id_problem(runtime_session_id):
            problems.append(Problem("runtime_session_id", why))
        if problems:
            raise SpecError(problems)
        try:
            await self._line.json(stop_ask(arn, qualifier, runtime_session_id))
        except NotFound:
            return False
        return True
