"""Validation, paging, archive and delete: the rules around sessions."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from .kit import at_rest, history, listening, message, new_session, say, send, texts, types

TEXT = {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    ("events", "path"),
    [
        ([], "events"),
        ("x", "events"),
        (None, "events"),
        (["x"], "events.0"),
        ([{"type": "user.novel"}], "events.0.type"),
        ([{}], "events.0.type"),
        ([{"type": "user.message"}], "events.0.content"),
        ([{"type": "user.message", "content": []}], "events.0.content"),
        ([{"type": "user.message", "content": [TEXT, {"type": "text"}]}], "events.0.content.1.text"),
        ([{"type": "user.message", "content": [{"type": "video"}]}], "events.0.content.0.type"),
        ([{"type": "user.message", "content": [{"type": "image"}]}], "events.0.content.0.source"),
        ([message("ok"), {"type": "user.message", "content": "x"}], "events.1.content"),
        ([{"type": "user.tool_confirmation", "tool_use_id": "x", "result": "maybe"}], "events.0.result"),
        ([{"type": "system.message", "content": [TEXT]}, message("ok")], "events.0"),
        ([{"type": "user.interrupt"}, {"type": "system.message", "content": [TEXT]}], "events.1"),
    ],
)
async def test_a_send_is_atomic(client, autojump_clock, events, path):
    """One bad event and none is taken; the 400 names its path."""
    session = await new_session(client)

    answer = await client.post(f"/v1/sessions/{session}/events", json={"events": events})

    assert answer.status_code == 400
    body = answer.json()
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert f"{path}:" in body["error"]["message"]
    assert answer.headers["request-id"] == body["request_id"]
    assert await history(client, session) == []


async def test_every_problem_is_named(client, autojump_clock):
    """One answer names all the fields that are wrong."""
    tools = [{"type": "custom", "name": "a b", "input_schema": {"type": "array"}}, {"type": "novel"}]

    answer = await client.post("/v1/agents", json={"name": "", "tools": tools, "metadata": {"k": 1}})

    text = answer.json()["error"]["message"]
    for path in (
        "name",
        "model",
        "tools.0.name",
        "tools.0.description",
        "tools.0.input_schema.type",
        "tools.1.type",
        "metadata.k",
    ):
        assert f"{path}:" in text


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_bodies_that_are_no_object(client, autojump_clock, body):
    """A body that is not a JSON object is a 400."""
    answer = await client.post("/v1/agents", content=body)

    assert answer.status_code == 400
    assert "body:" in answer.json()["error"]["message"]


async def test_unknown_paths_and_methods(client, autojump_clock):
    """An unknown path is a 404, a known one with another method a 405."""
    assert (await client.get("/v1/nowhere")).status_code == 404
    assert (await client.put("/v1/agents")).status_code == 405


async def test_sessions_page_both_ways(client, autojump_clock):
    """Sessions page forwards and back, newest first; the first page has no way back, the last no way on."""
    made = [await new_session(client) for _ in range(5)]

    first = (await client.get("/v1/sessions?limit=2")).json()
    second = (await client.get("/v1/sessions", params={"limit": 2, "page": first["next_page"]})).json()
    third = (await client.get("/v1/sessions", params={"limit": 2, "page": second["next_page"]})).json()
    back = (await client.get("/v1/sessions", params={"limit": 2, "page": third["prev_page"]})).json()

    ids = [[session["id"] for session in page["data"]] for page in (first, second, third, back)]
    newest = made[::-1]
    assert ids == [newest[:2], newest[2:4], newest[4:], newest[2:4]]
    assert (first["prev_page"], third["next_page"]) == (None, None)


async def test_pages_stay_put(client, autojump_clock):
    """Rows that come in between two pages neither repeat nor hide a row."""
    made = [await new_session(client) for _ in range(4)]

    first = (await client.get("/v1/sessions?limit=2")).json()
    await new_session(client)
    second = (await client.get("/v1/sessions", params={"limit": 2, "page": first["next_page"]})).json()

    assert [session["id"] for session in first["data"] + second["data"]] == made[::-1]


@pytest.mark.parametrize("page", ["nonsense", "page_", "page_e30.0123456789abcdef", ""])
async def test_foreign_cursors(client, autojump_clock, page):
    """A page that this list did not hand out is a 400 that names it."""
    session = await new_session(client)

    answers = [
        await client.get(path, params={"page": page}) for path in ("/v1/sessions", f"/v1/sessions/{session}/events")
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert all("page:" in answer.json()["error"]["message"] for answer in answers)


async def test_cursors_belong_to_a_list_and_an_order(client, autojump_clock):
    """A cursor of another list or another order is refused; other filters may change."""
    session = await new_session(client)
    other = await new_session(client)
    for one in (session, other):
        await say(client, one, "hello")
    path = f"/v1/sessions/{session}/events"
    cursor = (await client.get(path, params={"limit": 2})).json()["next_page"]

    statuses = [
        (await client.get(f"/v1/sessions/{other}/events", params={"page": cursor})).status_code,
        (await client.get(path, params={"page": cursor, "order": "desc"})).status_code,
        (await client.get(path, params={"page": cursor, "limit": 7, "types[]": "agent.message"})).status_code,
    ]

    assert statuses == [400, 400, 200]


@pytest.mark.parametrize(("order", "limit"), [("asc", 1), ("asc", 3), ("desc", 1), ("desc", 3)])
async def test_event_pages_while_a_message_waits(client, autojump_clock, order, limit):
    """A walk through the pages sees each event once, though a queued one changes its place on the way."""
    session = await new_session(client)
    await send(client, session, message("@sleep 5\n@say one"), message("two"), message("three"))
    path = f"/v1/sessions/{session}/events"
    seen, page = [], {}
    for _ in range(40):
        body = (await client.get(path, params={"limit": limit, "order": order, **page})).json()
        seen += [event["id"] for event in body["data"]]
        if body["next_page"] is None:
            break
        page = {"page": body["next_page"]}
        await trio.sleep(2)
    await trio.sleep(10)

    events = await history(client, session)
    assert len(set(seen)) == len(seen)
    assert {event["id"] for event in events if event["type"] == "user.message"} <= set(seen)
    assert texts(events) == ["one", "two", "three"]


async def test_order_is_for_lists_that_have_one(client, autojump_clock):
    """Only sessions and their events can be had in either order; elsewhere `order` is an unknown key, and ignored."""
    session = await new_session(client)
    await say(client, session, "hi")

    for path in ("/v1/agents", "/v1/environments", f"/v1/sessions/{session}/threads", "/v1/files", "/v1/vaults"):
        answers = [
            await client.get(path),
            await client.get(f"{path}?order=sideways"),
            await client.get(f"{path}?order=asc"),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert answers[2].json() == answers[0].json()
    for path in ("/v1/sessions", f"/v1/sessions/{session}/events"):
        assert (await client.get(f"{path}?order=sideways")).status_code == 400


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_no_answer_could_carry(client, autojump_clock, number):
    """A body with a number that JSON cannot write is no JSON."""
    schema = {"type": "object", "properties": {"a": {"default": "NUMBER"}}}
    tool = {"type": "custom", "name": "t", "description": "d", "input_schema": schema}
    body = json.dumps({"name": "a", "model": "m", "tools": [tool]}).replace('"NUMBER"', number)

    answer = await client.post("/v1/agents", content=body)

    assert answer.status_code == 400
    assert "body:" in answer.json()["error"]["message"]


async def test_echoes_have_the_fields_of_the_api(client, autojump_clock):
    """What the API does not know in an event is neither answered nor kept, an id or a time of the client's included."""
    session = await new_session(client)
    sent = {
        **message("hi"),
        "id": "sevt_mine",
        "processed_at": "2001-01-01T00:00:00Z",
        "novel": 1,
        "session_thread_id": "x",
    }

    (kept,) = (await send(client, session, sent)).json()["data"]

    assert set(kept) == {"id", "type", "content", "processed_at"}
    assert kept["id"] != "sevt_mine"
    assert kept["processed_at"] > "2026"
    assert (await history(client, session))[0] == kept


async def test_event_filters(client, autojump_clock):
    """Events filter by type and time."""
    session = await new_session(client)
    await say(client, session, "@say a\n@say b")
    events = await history(client, session)
    second = events[4]["processed_at"]

    assert texts(await history(client, session, **{"types[]": ["agent.message"]})) == ["a", "b"]
    assert await history(client, session, **{"created_at[gte]": second}) == events[4:]
    assert await history(client, session, **{"created_at[lt]": second}) == events[:4]
    assert await history(client, session, order="desc") == events[::-1]
    assert (await client.get(f"/v1/sessions/{session}/events?created_at[gt]=x")).status_code == 400
    assert (await client.get(f"/v1/sessions/{session}/events?limit=0")).status_code == 400


async def test_event_deltas_must_be_known(client, autojump_clock):
    """Previews exist for two types; another one, or over a hundred values, is a 400."""
    session = await new_session(client)
    path = f"/v1/sessions/{session}/events/stream"

    assert (await client.get(path, params={"event_deltas[]": "agent.tool_use"})).status_code == 400
    assert (await client.get(path, params={"event_deltas[]": ["agent.message"] * 101})).status_code == 400


async def test_archive(client, autojump_clock):
    """An archived session keeps its history, takes nothing, leaves the list; a stream on it opens and stays silent."""
    session = await new_session(client)
    await say(client, session, "hello")

    archived = (await client.post(f"/v1/sessions/{session}/archive")).json()
    refused = [
        await send(client, session, message("more")),
        await client.post(f"/v1/sessions/{session}", json={"title": "x"}),
    ]
    async with listening(client, session) as stream:
        await trio.sleep(20)

    assert archived["archived_at"] is not None
    assert [answer.status_code for answer in refused] == [400] * len(refused)
    assert texts(await history(client, session)) == ["hello"]
    assert (await client.get("/v1/sessions")).json()["data"] == []
    assert len((await client.get("/v1/sessions?include_archived=true")).json()["data"]) == 1
    assert (stream.ended, stream.frames) == (None, [])


async def test_resources_of_an_archived_session(client, autojump_clock):
    """They are shown, and neither added, changed nor deleted."""
    repository = {"type": "github_repository", "url": "https://git.test/a/b"}
    session = await new_session(client, resources=[repository])
    file = (await client.post("/v1/files", files={"file": ("a.txt", b"x")})).json()["id"]
    await client.post(f"/v1/sessions/{session}/archive")
    base = f"/v1/sessions/{session}/resources"
    (resource,) = (await client.get(base)).json()["data"]

    refused = [
        await client.post(base, json={"type": "file", "file_id": file}),
        await client.post(f"{base}/{resource['id']}", json={"authorization_token": "t"}),
        await client.delete(f"{base}/{resource['id']}"),
    ]

    assert [answer.status_code for answer in refused] == [400, 400, 400]
    assert (await client.get(base)).json()["data"] == [resource]


async def test_running_sessions_are_not_archived_or_deleted(client, autojump_clock):
    """Archive and delete of a running session are a 400; after an interrupt they work."""
    session = await new_session(client)
    await send(client, session, message("@sleep 1000"))

    refused = [await client.post(f"/v1/sessions/{session}/archive"), await client.delete(f"/v1/sessions/{session}")]
    await send(client, session, {"type": "user.interrupt"})
    await at_rest(client, session)
    deleted = await client.delete(f"/v1/sessions/{session}")

    assert [answer.status_code for answer in refused] == [400, 400]
    assert deleted.json() == {"id": session, "type": "session_deleted"}


async def test_delete(client, autojump_clock):
    """Deleting says so on the stream, ends it, stops what waits, and everything is a 404 then."""
    session = await new_session(client)
    await say(client, session, "@tool a {}")

    async with listening(client, session) as stream:
        await client.delete(f"/v1/sessions/{session}")
        await stream.over.wait()
    await trio.testing.wait_all_tasks_blocked()

    assert types(stream.events) == ["session.deleted"]
    assert stream.ended == "clean"
    for path in ("", "/events", "/events/stream", "/threads", "/resources"):
        assert (await client.get(f"/v1/sessions/{session}{path}")).status_code == 404
    assert (await client.get("/_sim/health")).json()["running"] == 0


async def test_update(client, autojump_clock):
    """A change is told in session.updated with the changed fields only; no change is not told."""
    session = await new_session(client, metadata={"a": "1", "b": "2"})
    tools = [{"type": "custom", "name": "t", "description": "d", "input_schema": {"type": "object"}}]

    await client.post(f"/v1/sessions/{session}", json={"title": "new", "metadata": {"a": None, "c": "3"}})
    await client.post(f"/v1/sessions/{session}", json={"title": "new"})
    updated = (await client.post(f"/v1/sessions/{session}", json={"agent": {"tools": tools}})).json()

    first, second = await history(client, session)
    assert (first["title"], first["metadata"]) == ("new", {"b": "2", "c": "3"})
    assert "agent" not in first
    assert second["agent"]["tools"] == updated["agent"]["tools"] == tools
    assert "title" not in second


async def test_overrides(client, autojump_clock):
    """A session can override its agent: omitted inherits, null clears, a value replaces; no model is refused by name."""
    body = {"name": "a", "model": "m", "system": "be brief", "tools": [{"type": "agent_toolset_20260401"}]}
    agent = (await client.post("/v1/agents", json=body)).json()
    environment = (await client.post("/v1/environments", json={"name": "e"})).json()["id"]
    base = {"type": "agent_with_overrides", "id": agent["id"], "version": 1}

    def create(**overrides):
        return client.post("/v1/sessions", json={"agent": {**base, **overrides}, "environment_id": environment})

    made = (await create(system=None, model={"id": "n", "effort": "low"})).json()["agent"]
    refused = await create(model=None)

    assert (made["system"], made["model"]["id"], made["tools"]) == (None, "n", agent["tools"])
    assert made["model"]["effort"] == {"type": "low"}
    assert refused.json()["error"]["details"]["error_code"] == "agent_model_required"


async def test_agent_versions(client, autojump_clock):
    """A change makes the next version, a stale version number is a conflict, an archived agent starts no sessions."""
    agent = (await client.post("/v1/agents", json={"name": "a", "model": "m", "metadata": {"k": "v"}})).json()["id"]
    path = f"/v1/agents/{agent}"

    second = (await client.post(path, json={"description": "d", "version": 1, "metadata": {"k": None}})).json()
    stale = await client.post(path, json={"description": "e", "version": 1})
    first = (await client.get(f"{path}?version=1")).json()
    versions = (await client.get(f"{path}/versions")).json()["data"]
    await client.post(f"{path}/archive")
    environment = (await client.post("/v1/environments", json={"name": "e"})).json()["id"]
    refused = await client.post("/v1/sessions", json={"agent": agent, "environment_id": environment})

    assert (second["version"], second["metadata"], second["model"]["id"]) == (2, {}, "m")
    assert (stale.status_code, stale.headers["x-should-retry"]) == (409, "false")
    assert (first["version"], first["description"]) == (1, None)
    assert [version["version"] for version in versions] == [2, 1]
    assert refused.status_code == 400
    assert (await client.get("/v1/agents")).json()["data"] == []


async def test_environments(client, autojump_clock):
    """Packages under a limited network need leave; an environment in use is not deleted; an archived one is not started in."""
    networking = {"type": "limited", "allowed_hosts": ["a.test"]}
    config = {"type": "cloud", "networking": networking, "packages": {"pip": ["x"]}}
    session = await new_session(client)
    used = (await client.get(f"/v1/sessions/{session}")).json()

    refused = await client.post("/v1/environments", json={"name": "e", "config": config})
    in_use = await client.delete(f"/v1/environments/{used['environment_id']}")
    await client.post(f"/v1/environments/{used['environment_id']}/archive")
    body = {"agent": used["agent"]["id"], "environment_id": used["environment_id"]}
    archived = await client.post("/v1/sessions", json=body)

    assert "config.packages:" in refused.json()["error"]["message"]
    assert in_use.status_code == 409
    assert archived.json()["error"]["details"]["error_code"] == "environment_archived"


async def test_five_hundred_sessions_at_once(client, autojump_clock):
    """Hundreds of sessions with streams work side by side, and each hears its own."""
    sessions = [await new_session(client) for _ in range(500)]
    heard = {}

    async def work(session):
        async with listening(client, session) as stream:
            await send(client, session, message(f"@sleep 1\n@say {session}"))
            await stream.until("session.status_idle")
        heard[session] = texts(stream.events)

    async with trio.open_nursery() as nursery:
        for session in sessions:
            nursery.start_soon(work, session)

    assert heard == {session: [session] for session in sessions}
