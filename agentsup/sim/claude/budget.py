"""A session's spend ceiling: given at creation or never, raised or removed later.

Rules: API reference, "Update a session"; reasons `budget_create_only` and `budget_not_raised`.
"""

from __future__ import annotations

from agentsup.sim.exchange import Json
from agentsup.sim.fields import Form
from agentsup.sim.refusal import invalid

from .session import Session


def read_budget(form: Form) -> Json | None:
    """The budget, None where it is missing or null; amounts are whole cents in a string."""
    budget = form.child("budget")
    if budget is None:
        return None
    budget.choice("type", ("limit",), required=True)
    cost = budget.child("max_list_cost", required=True)
    if cost is None:
        return None
    cost.choice("currency", ("USD",), required=True)
    amount = cost.text("amount", required=True)
    if amount is not None and not (amount.isascii() and amount.isdecimal() and len(amount) <= 12 and int(amount) > 0):
        cost.wrong("amount", "must be a whole number of cents above 0, in a string")
    return {"type": "limit", "max_list_cost": {"amount": amount, "currency": "USD"}}


def check_change(session: Session, budget: Json | None) -> None:
    """Whether the session's budget may become this one.

    Raises:
        Refused: 400, it was created without a budget, or has used that much already.
    """
    if session.budget is None and budget is not None:
        raise invalid("budget", "can only be set when the session is created", code="budget_create_only")
    if budget is not None and int(budget["max_list_cost"]["amount"]) <= session.tokens.cents:
        raise invalid("budget", f"must be above the {session.tokens.cents} cents used", code="budget_not_raised")
