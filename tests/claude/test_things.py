"""Agents, environments, sessions and files through our client, against the simulator."""

from __future__ import annotations

import pytest

from agentsup import claude
from agentsup.errors import NotFound, SpecError
from agentsup.wire.reading import read_as


async def _session(client, **fields):
    agent = await client.agents.create(name="clerk", model="claude-x")
    environment = await client.environments.create(name="desk")
    return await client.sessions.create(agent=agent.id, environment_id=environment.id, **fields)


async def test_agents(client):
    """Agents: create, look up, change, versions, list, archive; every field in its place."""
    made = await client.agents.create(
        name="a", model={"id": "m", "effort": "low"}, system="s", metadata={"k": "v"}, description="d"
    )
    changed = await client.agents.update(made.id, version=1, system=None, metadata={"k": None, "l": "w"})
    kept = await client.agents.get(made.id)
    first = await client.agents.get(made.id, version=1)
    versions = await client.agents.versions(made.id, limit=1).all()
    archived = await client.agents.archive(made.id)
    again = await client.agents.archive(made.id)

    assert (made.name, made.version, made.model.id, made.model.effort) == ("a", 1, "m", {"type": "low"})
    assert (made.system, made.description, made.metadata, made.archived_at) == ("s", "d", {"k": "v"}, None)
    assert (changed.version, changed.system, changed.description, changed.metadata) == (2, None, "d", {"l": "w"})
    assert (kept, first) == (changed, made)
    assert [one.version for one in versions] == [2, 1]
    assert archived.archived_at is not None
    assert again.archived_at == archived.archived_at
    assert await client.agents.list().all() == []
    assert [one.id for one in await client.agents.list(include_archived=True).all()] == [made.id]


async def test_omitted_and_null_are_two_things(client):
    """An update keeps what is omitted and clears what is None."""
    made = await client.agents.create(name="a", model="m", system="s", description="d")
    changed = await client.agents.update(made.id, system=None, description=claude.OMIT)

    assert (changed.system, changed.description) == (None, "d")


async def test_an_optimistic_lock(client):
    """An update that was made for an older version is a conflict, at once, and changes nothing."""
    made = await client.agents.create(name="a", model="m")
    await client.agents.update(made.id, name="b", version=made.version)

    with pytest.raises(claude.Conflict) as stale:
        await client.agents.update(made.id, name="c", version=made.version)

    assert (stale.value.status, stale.value.ambiguous) == (409, False)
    assert (await client.agents.get(made.id)).name == "b"


async def test_environments(client):
    """Environments: all verbs; one in use is not deleted."""
    config = {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["example.com"]}}
    made = await client.environments.create(name="e", config=config, description="d", metadata={"k": "v"})
    changed = await client.environments.update(made.id, name="f", description=None)
    found = await client.environments.get(made.id)
    listed = await client.environments.list().all()
    agent = await client.agents.create(name="a", model="m")
    session = await client.sessions.create(agent=agent.id, environment_id=made.id)
    with pytest.raises(claude.Conflict):
        await client.environments.delete(made.id)
    await client.sessions.delete(session.id)
    archived = await client.environments.archive(made.id)
    deleted = await client.environments.delete(made.id)

    assert (made.name, made.config["networking"]["allowed_hosts"], made.metadata) == ("e", ["example.com"], {"k": "v"})
    assert (changed.name, changed.description, changed.metadata) == ("f", None, {"k": "v"})
    assert (found, listed) == (changed, [changed])
    assert archived.archived_at is not None
    assert (deleted.id, deleted.type) == (made.id, "environment_deleted")
    with pytest.raises(claude.NotFound):
        await client.environments.get(made.id)


async def test_sessions(client):
    """Sessions: all verbs, with everything a session says of itself."""
    made = await _session(client, title="t", metadata={"k": "v"})
    changed = await client.sessions.update(made.id, title=None, metadata={"l": "w"})
    found = await client.sessions.get(made.id)
    other = await _session(client)
    listed = await client.sessions.list(agent_id=made.agent.id, statuses=["idle"]).all()
    archived = await client.sessions.archive(made.id)
    deleted = await client.sessions.delete(made.id)

    assert (made.status, made.title, made.metadata, made.agent.name) == ("idle", "t", {"k": "v"}, "clerk")
    assert (made.usage.input_tokens, made.stats.active_seconds, made.outcome_evaluations) == (0, 0, ())
    assert (changed.title, changed.metadata, found.id) == (None, {"k": "v", "l": "w"}, changed.id)
    assert [one.id for one in listed] == [made.id]
    assert archived.archived_at is not None
    assert deleted.type == "session_deleted"
    assert [one.id for one in await client.sessions.list().all()] == [other.id]


async def test_sessions_page_both_ways(client):
    """A page of sessions knows the one before it."""
    made = [await _session(client) for _ in range(3)]
    first = await client.sessions.list(limit=2).page()
    second = await client.sessions.list(limit=2, page=first.next_page).page()
    back = await client.sessions.list(limit=2, page=second.prev_page).page()

    assert [one.id for one in (*first.data, *second.data)] == [one.id for one in reversed(made)]
    assert (first.prev_page, second.next_page) == (None, None)
    assert [one.id for one in back.data] == [one.id for one in first.data]


async def test_unknown_fields_and_words_are_kept(client):
    """What this version does not know stays in `raw`, and an unknown word in a known field is carried."""
    session = await _session(client)
    row = {**session.raw, "status": "dreaming", "mood": {"good": True}, "title": None}

    read = read_as(claude.Session, row)

    assert (read.status, read.raw["mood"], read.title) == ("dreaming", {"good": True}, None)


async def test_a_repr_hides_what_people_wrote(client):
    """Neither a system prompt nor a title nor metadata shows in a repr."""
    agent = await client.agents.create(name="a", model="m", system="tell nobody", metadata={"k": "hush"})
    environment = await client.environments.create(name="e", description="behind the door")
    session = await client.sessions.create(agent=agent.id, environment_id=environment.id, title="hush hush")

    shown = repr([agent, environment, session, client])

    assert not any(word in shown for word in ("nobody", "hush", "door", "sk-test"))


@pytest.mark.parametrize("bad", ["", "..", ".", " "])
async def test_an_id_cannot_lead_elsewhere(client, simulator, bad):
    """An id that would make another path of the path is refused before anything is sent."""
    with pytest.raises(SpecError, match="session_id: must be an id"):
        await client.sessions.get(bad)

    assert simulator.requests == []


async def test_an_id_is_quoted(client):
    """Whatever is in an id, it stays in its place in the path."""
    with pytest.raises(NotFound):
        await client.sessions.get("a/../b?c#d")


async def test_errors_say_what_and_why(client):
    """An error has the service's type, code, status and request id, and names what was tried."""
    agent = await client.agents.create(name="a", model="m")
    environment = await client.environments.create(name="e")
    await client.environments.archive(environment.id)

    with pytest.raises(claude.BadRequest, match="creating a session: the service answered 400") as refused:
        await client.sessions.create(agent=agent.id, environment_id=environment.id)

    error = refused.value
    assert (error.status, error.type, error.error_code) == (400, "invalid_request_error", "environment_archived")
    assert error.request_id.startswith("req_")
    assert error.ambiguous is False
