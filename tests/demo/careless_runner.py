"""A runner whose unsafe tool somebody has marked `pure`: what the demo's ledger is there to find out."""

from __future__ import annotations

import attrs

from agentsup.demo.ledger import Ledger
from agentsup.demo.runner import main

honest = Ledger.tool


def careless(self):
    """The same tool with the wrong word."""
    tool = honest(self)
    return attrs.evolve(tool, spec=attrs.evolve(tool.spec, effect="pure"))


Ledger.tool = careless

if __name__ == "__main__":
    main()
