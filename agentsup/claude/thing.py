"""What every answer of the control plane has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

Raw: TypeAlias = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Part:
    """A value inside a thing, with everything the service said of it."""

    raw: Raw = attrs.field(factory=dict, repr=False, eq=False)
    """The JSON object it was read from, with fields this version does not know."""


@attrs.frozen(kw_only=True)
class Thing(Part):
    """Something the service keeps under an id. What it leaves out has its neutral value; `raw` tells the difference."""

    id: str
    """Its id: opaque, only to be compared."""

    type: str = ""
    """The service's word for what it is."""


@attrs.frozen(kw_only=True)
class Deleted(Thing):
    """What is left of a deleted thing. Where a lost answer made us ask again and it was gone by then, there is only the id."""
