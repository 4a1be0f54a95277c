"""An outcome: work towards a description, graded until it is satisfied or the iterations are used up.

The description is the script of the work. `@verdict RESULT` announces the result of the next evaluation; an evaluation takes place
where another verdict is announced, and at the end. Without an announcement an evaluation is satisfied.
Rules: API reference, "Outcomes".
"""

from __future__ import annotations

from collections.abc import Iterator

import trio

from agentsup.sim import directions
from agentsup.sim.directions import Direction
from agentsup.sim.exchange import Json
from agentsup.sim.script import read_script

from .inputs import DEFAULT_ITERATIONS
from .session import Session
from .turn import END_TURN, Ending, Turn
from .usage import Tokens

SATISFIED = "satisfied"
NEEDS_REVISION = "needs_revision"
MAX_ITERATIONS_REACHED = "max_iterations_reached"
INTERRUPTED = "interrupted"


def stages_of(text: str) -> Iterator[tuple[list[Direction], str]]:
    """The work before each evaluation, and the evaluation's result."""
    work: list[Direction] = []
    announced: str | None = None
    for direction in read_script(text):
        if not isinstance(direction, directions.Verdict):
            work.append(direction)
            continue
        if announced is not None:
            yield work, announced
            work = []
        announced = direction.result
    yield work, announced or SATISFIED


class Pursuit:
    """The work on one outcome."""

    def __init__(self, session: Session, event: Json) -> None:
        self._session = session
        self._most = event.get("max_iterations") or DEFAULT_ITERATIONS
        self._description: str = event["description"]
        self._span: Json | None = None
        self._record: Json = {
            "type": "outcome_evaluation",
            "outcome_id": event["outcome_id"],
            "description": event["description"],
            "iteration": 0,
            "result": "pending",
            "explanation": None,
            "completed_at": None,
        }
        session.outcomes.append(self._record)

    async def perform(self, turn: Turn) -> Ending:
        """Works and is graded, again and again while revisions are needed."""
        stages = stages_of(self._description)
        for iteration in range(self._most):
            work, verdict = next(stages, ([], SATISFIED))
            self._record.update(iteration=iteration, result="running")
            ending = await turn.perform(work)
            if ending is not END_TURN:
                self._complete("failed", "the work ended early")
                return ending
            result = await self._evaluate(iteration, verdict)
            if result == MAX_ITERATIONS_REACHED:
                return await turn.perform([])
            if result != NEEDS_REVISION:
                break
        return END_TURN

    def interrupt(self) -> None:
        """The turn was cut short: an evaluation under way ends so, and the outcome with it."""
        if self._record["completed_at"] is None:
            if self._span is not None:
                self._end_span(INTERRUPTED)
            self._complete(INTERRUPTED, "the user interrupted the work")

    async def _evaluate(self, iteration: int, verdict: str) -> str:
        if verdict == NEEDS_REVISION and iteration + 1 == self._most:
            verdict = MAX_ITERATIONS_REACHED
        self._record["result"] = "evaluating"
        about = {"outcome_id": self._record["outcome_id"], "iteration": iteration}
        self._span = self._session.post("span.outcome_evaluation_start", **about)
        self._session.post("span.outcome_evaluation_ongoing", **about)
        await trio.lowlevel.checkpoint()
        self._end_span(verdict)
        self._record["explanation"] = f"the verdict of the script: {verdict}"
        if verdict != NEEDS_REVISION:
            self._complete(verdict, self._record["explanation"])
        return verdict

    def _end_span(self, result: str) -> None:
        span, self._span = self._span, None
        if span is not None:
            self._session.post(
                "span.outcome_evaluation_end",
                outcome_evaluation_start_id=span["id"],
                outcome_id=span["outcome_id"],
                iteration=span["iteration"],
                result=result,
                explanation=f"the verdict of the script: {result}",
                usage=Tokens().model_usage(),
            )

    def _complete(self, result: str, explanation: str) -> None:
        self._record.update(result=result, explanation=explanation, completed_at=self._session.world.calendar.stamp())
