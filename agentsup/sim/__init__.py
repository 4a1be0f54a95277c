"""The other side of the wire, for tests and demonstrations: a simulator that does what the user message tells it.

`open_simulator()` runs it in memory behind an httpx transport, where trio's mock clock works; `agentsup.sim.server.serve` puts it on a
socket (needs the `web` extra), `agentsup sim` on the command line. What it can be told is in docs/reference/simulator.md.
"""

from .agentcore import HarnessRules
from .faults import Fault
from .refusal import Refused
from .simulator import Simulator
from .transport import MemorySimulator, SimTransport, open_simulator

__all__ = ["Fault", "HarnessRules", "MemorySimulator", "Refused", "SimTransport", "Simulator", "open_simulator"]
