"""The control plane: faults, the request log, reset."""

from __future__ import annotations

import httpx
import pytest
import trio

from .kit import HEADERS, history, listening, message, new_session, send, texts


async def test_answer_does_no_work(client, autojump_clock):
    """Mode answer replaces the work, as often as told, with body and headers verbatim."""
    rule = {
        "method": "POST",
        "path": "/v1/agents",
        "status": 503,
        "headers": {"Retry-After": "7"},
        "body": {"a": 1},
        "times": 2,
    }

    added = await client.post("/_sim/faults", json=rule)
    answers = [await client.post("/v1/agents", json={"name": "a", "model": "m"}) for _ in range(3)]

    assert added.status_code == 200
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json() == {"a": 1}
    assert len((await client.get("/v1/agents")).json()["data"]) == 1


async def test_headers_that_are_numbers(client, autojump_clock):
    """A number is a header's value as it is written."""
    await client.post("/_sim/faults", json={"status": 429, "headers": {"retry-after": 1.5, "x-n": 7}})

    answer = await client.get("/v1/agents")

    assert (answer.headers["retry-after"], answer.headers["x-n"]) == ("1.5", "7")


@pytest.mark.parametrize("status", [200, 204, 304, 599])
async def test_any_status(client, autojump_clock, status):
    """Every status can be answered, those without a body too."""
    await client.post("/_sim/faults", json={"path": "/v1/agents", "status": status})

    assert (await client.get("/v1/agents")).status_code == status
    assert (await client.get("/v1/agents")).status_code == 200


async def test_after_does_the_work(client, simulator, autojump_clock):
    """Mode after does the work and answers otherwise; a string body is sent as it is."""
    simulator.fault(path="/v1/sessions/*/events", mode="after", status=502, body="<html>")
    session = await new_session(client)

    answer = await send(client, session, message("hi"))

    assert (answer.status_code, answer.text) == (502, "<html>")
    assert (await history(client, session))[0]["content"] == message("hi")["content"]


async def test_delay_then_as_usual(client, simulator, autojump_clock):
    """A rule without a status only delays."""
    simulator.fault(delay=5)
    began = trio.current_time()

    answer = await client.post("/v1/agents", json={"name": "a", "model": "m"})

    assert answer.status_code == 200
    assert trio.current_time() - began == 5


async def test_fields_that_are_null_are_not_there(client, autojump_clock):
    """A rule may name every field and leave those it does not use null."""
    rule = {
        "method": "any",
        "path": "*",
        "times": 1,
        "status": None,
        "headers": None,
        "body": None,
        "delay": 0.5,
        "mode": None,
    }

    assert (await client.post("/_sim/faults", json=rule)).status_code == 200
    assert (await client.get("/v1/agents")).status_code == 200


async def test_resets(client, simulator, autojump_clock):
    """Mode reset breaks before the work, after_reset behind it."""
    simulator.fault(path="/v1/agents", mode="reset")
    simulator.fault(path="/v1/agents", mode="after_reset")

    for _ in range(2):
        with pytest.raises(httpx.ReadError):
            await client.post("/v1/agents", json={"name": "a", "model": "m"})

    assert len((await client.get("/v1/agents")).json()["data"]) == 1


async def test_stall(client, simulator, autojump_clock):
    """Mode stall never answers; the client's read timeout passes on the test clock."""
    simulator.fault(mode="stall", times=2)

    with trio.move_on_after(10**6) as scope:
        await client.get("/v1/agents", timeout=None)
    with pytest.raises(httpx.ReadTimeout):
        await client.get("/v1/agents", timeout=30)

    assert scope.cancelled_caught
    assert trio.current_time() == 10**6 + 30


async def test_after_closes_an_opened_stream(client, simulator, autojump_clock):
    """A stream that was opened only for its answer to be replaced does not stay open."""
    session = await new_session(client)
    simulator.fault(path="*/stream", mode="after", status=500)

    await client.get(f"/v1/sessions/{session}/events/stream")

    assert (await client.get("/_sim/health")).json()["streams"] == 0


async def test_first_rule_wins_and_rules_come_before_authentication(client, simulator, autojump_clock):
    """Rules match in order of insertion, before anything else looks at the request."""
    simulator.fault(path="/v1/*", status=418)
    simulator.fault(path="/v1/agents", status=500)

    answers = [(await client.get("/v1/agents", headers={"x-api-key": ""})).status_code for _ in range(3)]

    assert answers == [418, 500, 401]


async def test_default_body_is_the_envelope(client, simulator, autojump_clock):
    """A rule without a body answers with the API's envelope for its status."""
    simulator.fault(status=529)

    body = (await client.get("/v1/agents")).json()

    assert body["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ([], "body"),
        ({"mode": "explode", "status": 500}, "mode"),
        ({"status": 99}, "status"),
        ({"status": "500"}, "status"),
        ({"status": 500, "times": 0}, "times"),
        ({"status": 500, "delay": -1}, "delay"),
        ({"status": 500, "path": 7}, "path"),
        ({"status": 500, "headers": {"a b": "c"}}, "headers.a b"),
        ({"status": 500, "headers": {"a": True}}, "headers.a"),
        ({"status": 500, "headers": {"a": "b\r\nc: d"}}, "headers.a"),
        ({"status": 500, "statuss": 1}, "statuss"),
        ({}, "status"),
        ({"mode": "after"}, "status"),
        ({"body": "x", "delay": 1}, "status"),
        ({"mode": "reset", "status": 500}, "mode"),
    ],
)
async def test_nonsense_rules(client, rule, field, autojump_clock):
    """A rule that makes no sense is a 400 that names the field, and is not added."""
    answer = await client.post("/_sim/faults", json=rule)

    assert answer.status_code == 400
    assert f"{field}:" in answer.json()["error"]["message"]
    assert (await client.get("/_sim/health")).json()["faults"] == 0


async def test_clear(client, simulator, autojump_clock):
    """DELETE forgets the rules; the control plane itself is never spoiled."""
    simulator.fault(path="*", status=500, times=100)

    cleared = await client.delete("/_sim/faults")

    assert cleared.status_code == 200
    assert (await client.get("/v1/agents")).status_code == 200


async def test_requests_log(client, autojump_clock):
    """The log has every request as it came, refused ones included, the control plane's excluded."""
    await client.post("/v1/agents?beta=true&a[]=1&a[]=2", json={"name": "x"}, headers={"X-Odd": "1"})
    await client.post("/v1/nowhere", content=b"\xff")

    log = (await client.get("/_sim/requests")).json()

    first, second = log
    assert (first["method"], first["path"], first["body"]) == ("POST", "/v1/agents", {"name": "x"})
    assert first["query"] == [["beta", "true"], ["a[]", "1"], ["a[]", "2"]]
    assert first["headers"]["x-odd"] == "1"
    assert first["headers"]["x-api-key"] == "any"
    assert second["body"] == "\ufffd"
    assert second["time"] >= first["time"]


async def test_reset(client, simulator, autojump_clock):
    """Reset forgets everything, ends streams, stops turns; old ids and cursors are unknown afterwards."""
    session = await new_session(client)
    await new_session(client)
    cursor = (await client.get("/v1/sessions?limit=1")).json()["next_page"]
    await send(client, session, message("@sleep 1000\n@say late"))

    async with listening(client, session) as stream:
        await client.post("/_sim/reset")
        await stream.over.wait()
    await trio.sleep(2000)

    assert stream.ended == "clean"
    assert texts(stream.events) == []
    assert (await client.get(f"/v1/sessions/{session}")).status_code == 404
    assert (await client.get("/v1/sessions", params={"page": cursor})).status_code == 400
    health = (await client.get("/_sim/health")).json()
    assert (health["sessions"], health["running"], health["streams"]) == (0, 0, 0)


async def test_keys_and_beta(client, simulator, autojump_clock):
    """Either header style carries the key; without one it is a 401, without the beta header the endpoint does not exist."""
    beta = {"anthropic-beta": HEADERS["anthropic-beta"]}
    async with httpx.AsyncClient(transport=simulator.transport, base_url=simulator.base_url) as bare:
        statuses = [
            (await bare.get("/v1/agents", headers=headers)).status_code
            for headers in (
                {**beta, "authorization": "Bearer k"},
                {**beta, "x-api-key": "k"},
                beta,
                {**beta, "authorization": "Basic k"},
                {"x-api-key": "k"},
                {"x-api-key": "k", "anthropic-beta": "a, managed-agents-2099-01-01"},
            )
        ]

    assert statuses == [200, 200, 401, 401, 404, 200]
