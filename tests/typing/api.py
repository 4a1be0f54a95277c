"""The public API as users write it: checked by `mypy --strict`, never run.

Every name of `agentsup.__all__` stands here once at least; a test checks that none is left out.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, assert_type

import attrs
import httpx
import trio

import agentsup
from agentsup import agentcore, claude, otp, provisioning
from agentsup.testing import InjectedCrash, crash, open_simulator

# --- tools -----------------------------------------------------------------------------------------------------------------------


@agentsup.tool
def word_count(text: str) -> int:
    """Count words."""
    return len(text.split())


@agentsup.tool(name="look_up", description="Look something up.", effect="idempotent", timeout=3.0)
async def look_up(
    key: str, info: agentsup.SessionInfo, context: dict[str, str], where: Literal["here", "there"] = "here"
) -> str:
    """Look something up."""
    call_id: agentsup.CallId | None = info.call_id
    if key not in context:
        raise agentsup.ToolError(f"there is no {key} ({call_id}, {where})")
    return context[key]


class Unit(enum.Enum):
    """Enums, classes and descriptions are arguments like any other."""

    METRE = "m"


@attrs.frozen
class Size:
    """A size."""

    width: int
    unit: Annotated[Unit, "Metres if not given."] = Unit.METRE


def is_large(input: Mapping[str, Any], info: agentsup.SessionInfo) -> bool:
    """Whether a call has to be approved."""
    return bool(input["size"]["width"] > 100) and info.call_id is not None


async def is_large_later(input: Mapping[str, Any], info: agentsup.SessionInfo) -> bool:
    """The same, asked of somebody else."""
    return is_large(input, info)


class Desk:
    """Methods are tools of their object."""

    @agentsup.tool(needs_approval=is_large, max_output=1_000)
    def cut(self, size: Size) -> str:
        """Cut something."""
        return f"{size.width} {size.unit.value}"

    def look(self, at: str) -> list[str | agentsup.Image]:
        """Look at something."""
        if not at:
            raise agentsup.ToolError([agentsup.Text("nothing to be seen:"), agentsup.Image(file_id="file_1")])
        return [at, agentsup.Image(url="https://example.org/a.png")]


@agentsup.tool(
    input_schema={"type": "object", "properties": {"key": {"type": "string"}}}, needs_approval=is_large_later
)
async def by_hand(**arguments: str) -> agentsup.ToolResult:
    """A schema of one's own."""
    return agentsup.ToolResult(agentsup.CallId(""), arguments["key"], is_error=True)


desk = Desk()
assert_type(desk.cut, agentsup.Tool)
looking = agentsup.tool(desk.look, name="look_at", effect="pure", needs_approval=True)
greeting = agentsup.tool(functools.partial(Desk.look, desk))
assert_type(looking, agentsup.Tool)
assert_type(looking.spec.needs_approval, bool)


def plain(text: str) -> str:
    """A function becomes a tool when it is put into a spec."""
    return text


assert_type(word_count, agentsup.Tool)
assert_type(look_up, agentsup.Tool)
assert_type(look_up.spec, agentsup.ToolSpec)
assert_type(look_up.spec.effect, Literal["pure", "idempotent", "unsafe"])


class Handler:
    """Tools and events by method."""

    async def handle_tool_call(
        self, name: str, input: Mapping[str, Any], context: object, info: agentsup.SessionInfo
    ) -> str:
        """Answer a call."""
        return f"{name} {sorted(input)} {context} {info.session_id}"

    async def handle_event(self, event: agentsup.SessionEvent, info: agentsup.SessionInfo) -> None:
        """See an event."""


# --- describing --------------------------------------------------------------------------------------------------------------------

provider = agentsup.ClaudeManagedAgents(agent="agent_1", environment="env_1")
mine = agentsup.ClaudeManagedAgents(
    session_id="sesn_1", api_key="key", base_url="http://127.0.0.1:1", http=httpx.AsyncClient()
)
equipped = agentsup.ClaudeManagedAgents(
    agent={"type": "agent", "id": "agent_1", "version": 2},
    environment="env_1",
    title="Order 7",
    metadata={"team": "desk"},
    resources=[{"type": "file", "file_id": "file_1"}],
    vault_ids=["vlt_1"],
    budget={"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}},
)
harnessed = agentsup.BedrockAgentCore(
    harness="arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/desk-abcdefghij",
    runtime_session_id=None,
    region="us-east-1",
    credentials=agentcore.Credentials(access_key_id="AKID", secret_access_key="secret", session_token=None),
    endpoint_url="http://127.0.0.1:1",
    control_endpoint_url=None,
    http=httpx.AsyncClient(),
    qualifier="live",
    overrides=agentcore.Overrides(model="some.model", tools=[word_count], max_tokens=100),
    idle_timeout=60.0,
)
spec = agentsup.SessionSpec(
    provider=provider,
    tools=[word_count, look_up, plain, desk.cut, looking, greeting, by_hand],
    handler=Handler(),
    context={"key": "value"},
    limits=agentsup.Limits(max_turns=5, timeout=None),
    restart=agentsup.Restart(intensity=1, period=60.0, backoff=otp.Backoff(base=0.5, cap=5.0)),
    reconnect=agentsup.Reconnect(initial=0.1, cap=10.0, heartbeat=30.0, max_attempts=3),
    metadata={"customer": 42},
)

store = agentsup.SQLiteStore("sessions.db", synchronous="normal")
assert_type(store.synchronous, Literal["full", "normal"])


def policy(use: agentsup.ToolUse, info: agentsup.SessionInfo) -> agentsup.Allow | agentsup.Deny | None:
    """Allow, deny, or leave it to a person."""
    if use.name == "read":
        return agentsup.Allow()
    return agentsup.Deny("not today") if info.metadata.get("customer") == 42 else None


async def guard(report: agentsup.TurnReport) -> agentsup.GoOn | agentsup.Halt:
    """Look at a turn."""
    return agentsup.Halt("enough") if report.turns > 3 or (report.cost or 0.0) > 1.0 else agentsup.GoOn()


ruled = agentsup.SessionSpec(
    provider=provider,
    tools=[word_count],
    limits=agentsup.Limits(max_tool_rounds=3, max_session_turns=100, max_tokens=100_000, max_cost=2.5),
    approval=policy,
    turn_guard=guard,
    price=lambda usage: usage.total * 1e-6,
    terminal_tool="word_count",
    outcome=agentsup.Outcome("A report", "It has a date", max_iterations=2),
    in_doubt="wait",
)


async def abilities(ref: agentsup.SessionRef) -> None:
    """What can be said to a session beside a prompt."""
    assert_type(await ref.follow_up("next"), agentsup.RequestId)
    assert_type(await ref.steer("in French"), agentsup.RequestId)
    for evaluation in (await ref.submit(agentsup.Outcome("A report", "It has a date"))).evaluations:
        assert_type(evaluation, agentsup.Evaluation)
        print(evaluation.iteration, evaluation.result, evaluation.explanation, evaluation.usage.total)
    await ref.submit(agentsup.Outcome("A report", agentsup.FileRubric("file_1")))
    await ref.send_event({"type": "user.interrupt"})
    assert_type(await ref.files(), tuple[agentsup.Artifact, ...])
    await ref.configure(limits=agentsup.Limits(max_turns=5), title="A report")
    for use in (await ref.info()).pending_approvals:
        await ref.confirm(use.call_id, allow=False, message="no")
    for use in await ref.doubts():
        await ref.resolve(use.call_id, "it was sent")
    try:
        await ref.confirm("nobody", allow=True)
    except agentsup.NoSuchCall:
        print("decided already")
    try:
        await ref.submit("go")
    except agentsup.BudgetExceeded as error:
        print(error.result.usage.total)
    except agentsup.Halted as error:
        print(error.result.text)
    except agentsup.StreamError as error:
        print(error.status)


def described(stored: agentsup.Stored) -> agentsup.SessionSpec | None:
    """A session of the store, described again."""
    return spec if stored.metadata.get("customer") == 42 else None


async def durable() -> None:
    """A store, and what stands in it."""
    async with agentsup.open_runtime(
        store="sessions.db", spec_for=described, recover="lazy", passivate_after=600.0, max_resident=1000
    ) as runtime:
        await runtime.start_session("customer-42", spec, fresh=True)
        assert_type(runtime.unrecovered(), tuple[agentsup.Unrecovered, ...])
        for stored in await runtime.stored(all_generations=True):
            assert_type(stored.generation, int)
        past = await runtime.past("customer-42", 1)
        assert_type(past, agentsup.PastSession)
        async for event in past.events(after=3):
            assert_type(event, agentsup.SessionEvent)
        async for line in past.export():
            print(line)
        await runtime.fork("customer-42", "customer-43", upto=10)
        await runtime.delete("customer-43")
    async with agentsup.open_runtime(store=store):
        pass


# --- running -----------------------------------------------------------------------------------------------------------------------


async def one_prompt() -> None:
    """`run` takes text or parts."""
    result = await agentsup.run(spec, "Hello", timeout=60.0)
    assert_type(result, agentsup.SessionResult)
    await agentsup.run(spec, [agentsup.Text("Hello"), agentsup.Text("again")])
    terminal: Literal["end_turn", "requires_action", "terminated"] = result.terminal
    uses: tuple[agentsup.ToolUse, ...] = result.tool_uses
    usage: agentsup.Usage = result.usage + agentsup.Usage(input_tokens=1)
    raw: tuple[Mapping[str, Any], ...] = result.events
    print(terminal, uses, usage, raw, result.text, result.turns, result.stop_reason, result.session_id)


async def live() -> None:
    """A runtime, its sessions, and all that can be said to one."""
    async with agentsup.open_runtime(store=None) as runtime:
        assert_type(runtime, agentsup.Runtime)
        ref = await runtime.start_session("customer-42", spec)
        assert_type(ref, agentsup.SessionRef)
        assert_type(await ref.submit("Hello"), agentsup.SessionResult)
        assert_type(await ref.message("Hello"), agentsup.RequestId)
        assert_type(await ref.info(), agentsup.Status)
        assert_type(await ref.history(), tuple[agentsup.Turn, ...])
        assert_type(ref.id, agentsup.SessionId)
        await ref.interrupt()
        await ref.close()
        await ref.abort()
        assert_type(runtime.session("customer-42"), agentsup.SessionRef)
        assert_type(runtime.sessions(), tuple[agentsup.SessionRef, ...])
        print(runtime.tree(), runtime.kernel.root)
        await otp.start_child(runtime.kernel.root, agentsup.session_child("mine", spec))


async def pieces(ref: agentsup.SessionRef) -> None:
    """Text as it is produced."""
    stream = ref.stream("Hello")
    assert_type(stream, agentsup.TextStream)
    async for piece in stream:
        assert_type(piece, str)
    await stream.aclose()
    assert_type(stream.result, agentsup.SessionResult | None)


async def listen(runtime: agentsup.Runtime, ref: agentsup.SessionRef, cursor: agentsup.Cursor) -> None:
    """Subscriptions to one session and to all."""
    async with ref.subscribe(after=cursor, buffer=16, overflow="block") as events:
        assert_type(events, agentsup.Subscription)
        try:
            async for event in events:
                assert_type(event, agentsup.SessionEvent)
                assert_type(event.result, agentsup.SessionResult | None)
                cursor = event.cursor
                print(event.type, event.raw, event.dropped, event.text, event.request_id, event.at)
        except agentsup.SubscriberTooSlow:
            print(events.statistics().dropped)
    async with runtime.subscribe(overflow="drop_newest") as terminals:
        async for event in terminals:
            print(event.session_id)


def watch(info: agentsup.Status) -> None:
    """A status in its words."""
    state: Literal["opening", "idle", "running", "awaiting_approval", "awaiting_input", "passivated", "closed"] = (
        info.state
    )
    print(state, info.connection, info.queued, info.turns, info.restarts, info.reconnects, info.last_error)
    provider_session_id: str | None = info.provider_session_id
    typed = agentsup.ProviderSessionId(provider_session_id or "")
    print(typed)


# --- errors ------------------------------------------------------------------------------------------------------------------------


def problems_of(error: agentsup.SpecError) -> Sequence[agentsup.Problem]:
    """Every problem of an input."""
    assert_type(error.problems, tuple[agentsup.Problem, ...])
    return error.problems


async def careful(ref: agentsup.SessionRef) -> agentsup.SessionResult | None:
    """Every way a request can end."""
    try:
        return await ref.submit("Hello")
    except agentsup.RequestTimeout as exc:
        return exc.result
    except (agentsup.TurnLimitReached, agentsup.Interrupted, agentsup.RequestClosed) as exc:
        return exc.result
    except agentsup.ProviderFailed as exc:
        print(exc.status, exc.code, exc.request_id)
    except agentsup.RequestFailed as exc:
        print(exc.failure.kind)
    except (agentsup.NoSuchSession, agentsup.NotFound, agentsup.SessionClosed):
        pass
    except agentsup.AlreadyStarted as exc:
        print(exc.ref)
    except (agentsup.StoreBusy, agentsup.StoreFailed, agentsup.StoreCorrupt, agentsup.Fenced, agentsup.StoreError):
        raise
    except (agentsup.LocalProtocolError, agentsup.RemoteProtocolError, agentsup.AgentsupError):
        raise
    return None


result_of_a_tool = agentsup.ToolResult(agentsup.CallId("call"), "text", is_error=True)
picture = agentsup.Image(data=b"\x89PNG", media_type="image/png")
paper = agentsup.Document(text="Plain.", title="Notes", context="From the desk.")
result_of_parts = agentsup.ToolResult.of(agentsup.CallId("call"), [agentsup.Text("See:"), picture, paper])
assert_type(picture.data, str | None)
found = agentsup.SearchResult(source="https://example.org", title="Hours", text="Nine to five.", citations=True)
assert_type(
    result_of_parts.content, tuple[agentsup.Text | agentsup.Image | agentsup.Document | agentsup.SearchResult, ...]
)
assert_type(agentsup.__version__, str)

# --- the kernel --------------------------------------------------------------------------------------------------------------------


class Add(otp.Request[int]):
    """A request says what its reply is."""


class Counter(otp.Actor):
    """An actor as users write one."""

    mailbox = otp.MailboxSpec(10, "reject")

    def init(self) -> None:
        """Begin."""
        self.state = 0

    async def handle_call(self, request: Add, caller: otp.Caller) -> otp.Reply:
        """Answer."""
        self.state += 1
        return otp.Reply(self.state)

    def handle_info(self, message: object) -> otp.Stop | None:
        """Hear."""
        return otp.Stop(otp.Normal()) if isinstance(message, otp.Down) else None


async def tree() -> None:
    """A bare tree."""
    flags = otp.SupFlags(strategy="one_for_all", intensity=5, period=10.0)
    child = otp.ChildSpec(id="counter", start=Counter, name="counter", restart="transient", shutdown=1.0)
    async with otp.open_runtime(flags, [child]) as runtime:
        assert_type(runtime, otp.Runtime)
        assert_type(await otp.call(otp.Name("counter"), Add(), timeout=1.0), int)
        otp.cast(otp.Name("counter"), "more")
        ref = await otp.start_child(runtime.root, otp.ChildSpec(id="second", start=Counter))
        print(ref, await otp.which_children(runtime.root), await otp.count_children(runtime.root))


async def children(sup: otp.Ref, spec: otp.ChildSpec) -> None:
    """A supervisor's children, each way they can be handled."""
    try:
        ref = await otp.start_child(sup, spec)
    except otp.MaxChildren as exc:
        print(exc.limit)
        return
    except otp.AlreadyStarted as exc:
        ref = exc.ref
    except (otp.AlreadyPresent, otp.InitFailed, otp.InitTimeout, otp.BadReturn, otp.StartIgnored, otp.StartError):
        raise
    assert_type(await otp.get_childspec(sup, spec.id), otp.ChildSpec)
    assert_type(await otp.which_children(sup), list[otp.ChildInfo])
    assert_type(await otp.count_children(sup), otp.Counts)
    try:
        await otp.terminate_child(sup, spec.id)
        await otp.restart_child(sup, spec.id)
        await otp.delete_child(sup, spec.id)
    except (otp.NotFound, otp.Running, otp.Restarting, otp.ChildError) as exc:
        print(exc)
    reason: otp.ExitReason = await otp.wait_down(ref)
    print(reason.is_clean if isinstance(reason, otp.Crashed | otp.Killed) else otp.Shutdown("done"))


async def talk(dest: otp.Dest, ref: otp.Ref) -> None:
    """Every way to reach an actor, and every way it can fail."""
    try:
        assert_type(await otp.call(dest, Add()), int)
        await otp.send(dest, "waits for room")
        taken: bool = otp.offer(dest, "never waits")
        otp.info(dest, taken)
        await otp.stop(dest)
    except otp.CallTimeout as exc:
        print(exc.timeout)
    except otp.ServerDied as exc:
        print(exc.reason)
    except otp.CallCycle as exc:
        print(exc.path)
    except (otp.NoProc, otp.MailboxFull, otp.CallingSelf, otp.CallError):
        raise
    otp.exit(ref, otp.Killed())


async def names_and_channels() -> None:
    """A registry of one's own, and a channel to a slow consumer."""
    registry = otp.Registry()
    pool = otp.ChildSpec(
        id="pool",
        start=lambda: otp.DynamicSupervisor(otp.SupFlags(intensity=10, period=1.0), max_children=100),
        type="supervisor",
        name=otp.Name("pool", registry),
    )
    otp.check_childspecs([pool])
    found: otp.Ref | None = registry.whereis("pool")
    print(found)
    async with otp.Channel[int](buffer=8, overflow="disconnect") as channel:
        channel.offer(1, must_deliver=True)
        try:
            assert_type(await channel.receive(), int)
        except otp.Disconnected as exc:
            print(exc, channel.statistics().dropped)


def groups(ref: otp.Ref) -> None:
    """Duplicate keys, found by pattern or predicate; listeners."""
    rooms = otp.Registry("rooms", keys="duplicate", listeners=[otp.Name("ear")], meta={"limit": 10})
    rooms.register("lobby", ("admin", 1), owner=ref)
    assert_type(rooms.lookup("lobby"), list[otp.Entry])
    assert_type(rooms.match("lobby", otp.like(("admin", ...))), list[otp.Entry])
    assert_type(rooms.select(lambda each: each.ref == ref), list[otp.Registration])
    rooms.dispatch("lobby", lambda entries: print([otp.offer(entry.ref, "hi") for entry in entries]))
    print(rooms.child(), otp.whereis_registry("rooms"))


def heard(message: object) -> otp.ExitReason | None:
    """What a listener does with the news."""
    match message:
        case otp.Registered(registry=registry, key=key, ref=ref, value=value):
            print(registry, key, ref, value)
        case otp.Unregistered(reason=reason):
            return reason
    return None


async def topics(ref: otp.Ref) -> None:
    """Broadcasts, to actors and tasks, handed out by a function of one's own."""

    def to_admins(subscribers: Sequence[otp.Subscriber], message: object) -> None:
        print([each.deliver(message) for each in subscribers if each.value == "admin"])

    pubsub = otp.PubSub("talk", dispatcher=to_admins)
    pubsub.subscribe("news", "admin", owner=ref)
    async with pubsub.listen("news", 16, overflow="drop_newest") as news:
        reached: int = pubsub.broadcast("news", "hello") + pubsub.broadcast_from("news", "others", sender=ref)
        print(reached, news.receive_nowait())


async def double(number: int) -> int:
    """Work."""
    return 2 * number


async def tasks(sup: otp.Dest) -> None:
    """Supervised work with results."""
    assert_type(await otp.TaskSupervisor.start_child(sup, double, 1, restart="transient"), otp.Ref)
    task = await otp.TaskSupervisor.async_nolink(sup, double, 2)
    try:
        assert_type(await task.await_(timeout=1.0), int)
        assert_type(await otp.await_many([task, await otp.TaskSupervisor.async_(sup, double, 3)]), list[int])
    except otp.TaskExited as exc:
        print(exc.ref, exc.reason)
    except otp.TaskTimeout as exc:
        print(exc.timeout, await task.shutdown(1.0))
    async with otp.TaskSupervisor.async_stream_nolink(
        sup, double, range(9), max_concurrency=3, ordered=False, on_timeout="kill_task", zip_input_on_exit=True
    ) as outcomes:
        async for outcome in outcomes:
            match outcome:
                case otp.Returned(value):
                    assert_type(value, int)
                case otp.Exited(reason, input) | otp.TimedOut(reason, input):
                    print(reason, input)


async def partitions() -> None:
    """Copies of one child, reached by key."""
    spec = otp.ChildSpec(start=otp.DynamicSupervisor, type="supervisor")
    otp.ChildSpec(id="shards", name="shards", start=lambda: otp.PartitionSupervisor(spec, 4), type="supervisor")
    shards = otp.Name("shards")
    assert_type(await otp.call(otp.partition_name(shards, ("customer", 42)), Add()), int)
    assert_type(otp.partition_of(shards, 42), otp.Ref)
    await otp.resize(shards, 2)
    assert_type(await otp.count_partitions(shards), int)


# --- testing -----------------------------------------------------------------------------------------------------------------------


async def offline(ref: agentsup.SessionRef) -> None:
    """The kit."""
    async with open_simulator() as simulator, simulator.client() as http:
        await http.post("/v1/agents", json={"name": "a", "model": "m"})
        simulator.fault(method="POST", path="/v1/sessions", mode="reset")
        print(simulator.requests, simulator.base_url)
        simulator.reset()
    try:
        await crash(ref)
    except otp.NoProc:
        print(InjectedCrash.__name__)


# --- provisioning ------------------------------------------------------------------------------------------------------------------


async def provisioned(backend: provisioning.Backend) -> None:
    """From specs to handles and back."""
    desk = agentsup.AgentSpec(
        name="desk",
        system_prompt="Be kind.",
        model={"id": "anthropic:any", "effort": "low"},
        tools=[word_count, plain, look_up.spec, {"name": "x", "input_schema": {"type": "object"}}],
        description="The order desk.",
        extra={"metadata": {"team": "blue"}},
    )
    room = agentsup.EnvironmentSpec(
        name="room", config={"type": "cloud"}, packages={"pip": ["x"]}, runtimes=[provisioning.Runtime("node", "22")]
    )
    store: provisioning.Store = provisioning.FileStore("agents.json")
    try:
        handle = await agentsup.provision(
            agentsup.ClaudeManagedAgents, desk, environment=room, store=store, timeout=60.0
        )
    except (agentsup.OnlyArchived, agentsup.NameConflict, agentsup.ProvisionTimeout) as error:
        print(error.left, error.status, error.code, error.request_id)
        return
    except agentsup.ProvisionFailed:
        return
    assert_type(handle, agentsup.Handle)
    agentsup.ClaudeManagedAgents(agent=handle, environment=handle)
    if handle.bootstrap is not None:
        assert_type(handle.bootstrap.script, str)
    alone = await agentsup.ensure_agent("claude-managed-agents", desk, store=provisioning.SQLiteStore("agents.db"))
    assert_type(alone.agent_id, str | None)
    await agentsup.ensure_environment(backend, room, store=provisioning.MemoryStore())
    await agentsup.tag(handle, "stable", store=store)
    try:
        await agentsup.teardown(await agentsup.resolve(backend, "desk:stable", store=store), timeout=5.0)
    except agentsup.UnknownTag:
        gone = await agentsup.prune(backend, "desk", keep=3, role="environment")
        assert_type(gone, tuple[provisioning.Resource, ...])
    except agentsup.PartlyFailed as error:
        print(error.done, [reason for _, reason in error.failed])


async def files_of(shelf: provisioning.Shelf) -> None:
    """By name, in and out."""
    artifacts = agentsup.Artifacts(agentsup.ClaudeManagedAgents, "sesn_1")
    assert_type(await artifacts.list(), Sequence[agentsup.Artifact])
    try:
        assert_type(await artifacts.fetch("report.csv", wait=5.0), bytes)
        assert_type(await artifacts.fetch("report.csv", "here.csv"), Path)
        assert_type(await artifacts.put("orders.csv", Path("orders.csv"), path="/data/x.csv"), agentsup.Artifact)
    except agentsup.NoSuchArtifact:
        await agentsup.Artifacts(shelf, "sesn_1").delete("orders.csv")
    except agentsup.ArtifactFailed as error:
        print(error.failure)


if __name__ == "__main__":
    trio.run(live)


# --- the control plane -----------------------------------------------------------------------------------------------------------


async def control_plane() -> None:
    """Agents, environments, sessions, files."""
    async with claude.Client(api_key="key", base_url="https://example.com", max_retries=1) as client:
        agent = await client.agents.create(name="desk", model={"id": "any"}, system=None, metadata={"k": "v"})
        assert_type(agent, claude.Agent)
        agent = await client.agents.update(agent.id, version=agent.version, system=claude.OMIT, tools=None)
        async for each in client.agents.list(include_archived=True):
            assert_type(each, claude.Agent)
        async for page in client.agents.versions(agent.id).pages():
            assert_type(page, claude.Page[claude.Agent])
        environment = await client.environments.create(name="desk")
        session = await client.sessions.create(agent=agent.id, environment_id=environment.id)
        assert_type(session.usage.input_tokens, int)
        events = await client.events.send(session.id, claude.inputs.user_message("hi"), claude.inputs.interrupt())
        assert_type(events, tuple[claude.catalogue.Event, ...])
        async with client.events.stream(session.id, deltas=["agent.message"]) as stream:
            async for event in stream:
                if isinstance(event, claude.catalogue.AgentMessage):
                    assert_type(event.text, str)
                elif isinstance(event, claude.catalogue.Unknown):
                    assert_type(event.misfit, str | None)
        assert_type(await client.threads.list(session.id).all(), list[claude.Thread])
        assert_type(await client.work.poll(environment.id), claude.Work | None)
        file = await client.files.upload(b"text", filename="a.txt")
        async with client.files.open(file.id) as pieces:
            assert_type([piece async for piece in pieces], list[bytes])
        try:
            assert_type(await client.sessions.delete(session.id), claude.Deleted)
        except claude.ApiError as error:
            assert_type(error.ambiguous, bool)


async def harnesses() -> None:
    """Harnesses, endpoints, commands, files."""
    async with agentcore.Client("us-east-1", credentials=agentcore.DefaultChain(profile="work")) as client:
        harness = await client.harnesses.create("desk", "arn:aws:iam::123456789012:role/works", tools=[word_count])
        assert_type(harness, agentcore.Harness)
        await client.harnesses.update(harness.harness_id, memory=None, system_prompt="Be brief.")
        assert_type(await client.harnesses.list().all(), list[agentcore.Harness])
        async for version in client.harnesses.versions(harness.harness_id):
            assert_type(version, agentcore.HarnessVersion)
        assert_type(await client.endpoints.create(harness.harness_id, "live"), agentcore.HarnessEndpoint)
        try:
            async with client.commands.stream(harness, "s" * 33, "ls") as events:
                async for event in events:
                    assert_type(event, agentcore.Output | agentcore.Exit)
        except agentcore.ApiError as error:
            print(error.type, error.fields, error.ambiguous)
        assert_type(await client.commands.run(harness, "s" * 33, "ls", on_output=print), agentcore.CommandResult)
        assert_type(await client.artifacts(harness, "s" * 33, "/mnt/data").fetch("x"), bytes)
        assert_type(await client.sessions.stop(harness, "s" * 33), bool)
