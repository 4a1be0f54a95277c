"""A supervision tree to break by hand: type what should happen to whom, and watch it recover.

    python examples/supervision_tree.py
    echo "kill source" | python examples/supervision_tree.py

The tree, and why each part of it has the strategy it has:

    root            one_for_one    the parts do not depend on each other
      clock                        a counter that ticks; permanent
      pipeline      rest_for_one   whoever comes later reads from those before
        source
        filter
        sink
      jobs          dynamic        many alike workers, started by hand
"""

from __future__ import annotations

import sys

import structlog
import trio

from agentsup import otp

HELP = "crash NAME | kill NAME | stop NAME | hang NAME | job NAME | tree | quit"


class Ticker(otp.Actor):
    """Counts seconds, and does badly what it is told to do badly."""

    def init(self) -> None:
        """Runs before anybody can send it something."""
        self.state = 0
        self.send_after(1.0, "tick")

    def handle_info(self, message: object) -> None:
        """A second has passed."""
        self.state += 1
        self.send_after(1.0, "tick")

    def handle_call(self, request: object, caller: otp.Caller) -> otp.Reply:
        """How many seconds it has lived."""
        return otp.Reply(self.state)

    async def handle_cast(self, message: object) -> None:
        """An order from the prompt."""
        if message == "hang":
            await trio.sleep_forever()
        raise ValueError("you asked for it")


def worker(name: str, restart: otp.Restart = "permanent") -> otp.ChildSpec:
    return otp.ChildSpec(id=name, name=name, start=Ticker, restart=restart)


def tree() -> list[otp.ChildSpec]:
    pipeline = otp.SupFlags("rest_for_one", intensity=5, period=10.0)
    parts = [worker("source"), worker("filter"), worker("sink")]
    return [
        worker("clock"),
        otp.ChildSpec(id="pipeline", type="supervisor", start=lambda: otp.Supervisor(pipeline, parts)),
        otp.ChildSpec(id="jobs", name="jobs", type="supervisor", start=otp.DynamicSupervisor),
    ]


def show(process: otp.ProcessSnapshot, depth: int = 0) -> None:
    print(
        f"  {'  ' * depth}{process.id:<{24 - 2 * depth}} {process.state:<12} incarnation {process.incarnation}  handled {process.handled}"
    )
    for child in process.children:
        show(child, depth + 1)


async def tell(rt: otp.Runtime) -> None:
    """Print what happens in the tree, as it happens."""
    async with rt.events() as events:
        async for event in events:
            match event:
                case otp.ProcessStarted(ref=ref):
                    print(f"  + {ref.label}#{ref.serial}")
                case otp.ProcessEnded(ref=ref, reason=reason):
                    print(f"  - {ref.label}#{ref.serial}: {reason}")
                case otp.RestartScheduled(id=id, delay=delay):
                    print(f"  ~ {id} starts again in {delay:.2f} s")
                case _:
                    print(f"  ! {event}")


async def obey(rt: otp.Runtime, line: str) -> bool:
    """Do one line, and wait until its consequences are there; whether to go on."""
    verb, _, name = line.strip().partition(" ")
    try:
        if verb == "job" and name:
            await otp.start_child(otp.Name("jobs"), worker(name, "transient"))
        elif verb == "tree" or not verb:
            show(rt.snapshot().root)
        elif verb != "quit":
            blow(rt, verb, name)
    except (otp.StartError, otp.CallError) as error:
        print(f"  {error}")
    await rt.quiesce()
    return verb != "quit"


def blow(rt: otp.Runtime, verb: str, name: str) -> None:
    """Hurt whoever holds a name."""
    ref = rt.names.whereis(name)
    if ref is None or verb not in ("crash", "hang", "kill", "stop"):
        print(f"  {HELP}; names: {', '.join(map(str, rt.names.keys()))}")
    elif verb == "kill":
        otp.exit(ref, otp.Killed())
    elif verb == "stop":
        otp.exit(ref, otp.Shutdown("by hand"))
    else:
        otp.cast(ref, verb)


async def main() -> None:
    # The events say what happens; the kernel's own reports would say it again.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    async with otp.open_runtime(otp.SupFlags(intensity=10, period=10.0), tree()) as rt, trio.open_nursery() as nursery:
        nursery.start_soon(tell, rt)
        show(rt.snapshot().root)
        print(f"  {HELP}")
        while line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            if not await obey(rt, line):
                break
        nursery.cancel_scope.cancel()
    print("  everything has stopped, in order")


if __name__ == "__main__":
    try:
        trio.run(main)
    except otp.RestartLimitExceeded as error:
        sys.exit(f"  {error}")
