"""What an answer, or its absence, means for a session."""

from __future__ import annotations

import json

import httpx
import pytest

from agentsup.providers.base import Rejected, Unavailable
from agentsup.providers.http_errors import check_status, translated
from agentsup.wire.errors import RemoteProtocolError

AGAIN, NOT_THIS, NOT_AT_ALL = "again", "not this", "not at all"


def answer(status, *, json=None, text=None, headers=None):
    return httpx.Response(status, json=json, text=text, headers=headers)


def verdict(response):
    try:
        check_status(response, response.content, "asking")
    except Unavailable:
        return AGAIN
    except Rejected as exc:
        return NOT_AT_ALL if exc.fatal else NOT_THIS
    return None


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_is_nothing_to_talk_about(status):
    """Any 2xx."""
    assert verdict(answer(status)) is None


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((status, NOT_THIS) for status in (400, 405, 410, 412, 413, 415, 422, 431, 499)),
        *((status, NOT_AT_ALL) for status in (401, 402, 403, 404, 301, 302, 304)),
        *((status, AGAIN) for status in (408, 409, 425, 429, 500, 501, 502, 503, 504, 529, 599)),
    ],
)
def test_the_table(status, meaning):
    """Try again, not this request, or not this session: as the official client has it."""
    assert verdict(answer(status)) == meaning


@pytest.mark.parametrize("word", [None, "true", "false"])
def test_every_status_that_is_no_success(word):
    """Whatever the body and the other headers: it has one of three meanings, and the failure has what the answer said."""
    bodies = [{"json": {"error": {"type": "t", "message": "m"}}}, {"text": "<html>no</html>"}, {"text": ""}]
    for status in (*range(300, 400), *range(400, 600)):
        headers = {"retry-after": "7", "request-id": "req_1"} | ({"x-should-retry": word} if word else {})
        again = word == "true" if word else status >= 500 or status in (408, 409, 425, 429)
        fatal = status < 400 or status in (401, 402, 403, 404)
        response = answer(status, headers=headers, **bodies[status % 3])
        with pytest.raises((Unavailable, Rejected)) as caught:
            check_status(response, response.content, "asking")
        assert verdict(response) == (AGAIN if again else NOT_AT_ALL if fatal else NOT_THIS)
        failure = caught.value.failure
        code = "t" if status % 3 == 0 else None
        assert (failure.status, failure.code, failure.provider_request_id) == (status, code, "req_1")
        if again:
            assert (caught.value.retry_after, caught.value.status) == (7.0, status)
        else:
            assert caught.value.doubtful is (status == 409 or status >= 500)


@pytest.mark.parametrize("status", [400, 401, 409, 429, 503])
def test_the_servers_own_word_goes_first(status):
    """`x-should-retry` says what the status would only suggest."""
    assert verdict(answer(status, headers={"x-should-retry": "true"})) == AGAIN
    assert verdict(answer(status, headers={"x-should-retry": "false"})) in (NOT_THIS, NOT_AT_ALL)
    assert verdict(answer(status, headers={"x-should-retry": "perhaps"})) == verdict(answer(status))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 06:30:00 GMT"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 06:29:00 GMT", "date": "Sat, 21 Nov 2026 06:29:48 GMT"}, 0.0),
        ({"retry-after": "Sat, 99 Nov 2026 06:30:00 GMT", "date": "Sat, 21 Nov 2026 06:29:48 GMT"}, None),
        ({}, None),
    ],
)
def test_how_long_to_stay_away(headers, seconds):
    """The finer header first; nonsense counts as not given."""
    with pytest.raises(Unavailable) as caught:
        check_status(answer(429, headers=headers), b"", "asking")

    assert caught.value.retry_after == seconds


def test_a_rejection_carries_what_support_will_ask_for():
    """Status, the provider's word for it, and its request id."""
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "events[0]: no"}}

    with pytest.raises(Rejected) as caught:
        response = answer(400, json=body, headers={"request-id": "req_1"})
        check_status(response, response.content, "sending")

    failure = caught.value.failure
    assert (failure.status, failure.code, failure.provider_request_id) == (400, "invalid_request_error", "req_1")
    assert failure.message == "sending: the provider answered 400 invalid_request_error: events[0]: no"


@pytest.mark.parametrize(
    "response",
    [
        answer(400, text="<html>no</html>"),
        answer(400, text="{", headers={"content-type": "application/json"}),
        answer(400, json=[1]),
        answer(400, json={"error": "a word"}),
        answer(400, json={"error": {"type": None, "message": 3}}),
        answer(400),
    ],
)
def test_an_answer_without_an_envelope_is_told_by_its_status(response):
    """Proxies answer in their own way."""
    with pytest.raises(Rejected) as caught:
        check_status(response, response.content, "asking")

    assert caught.value.failure.message.startswith("asking: the provider answered 400")
    assert caught.value.failure.code is None


def test_a_long_message_is_cut():
    """Errors are for people."""
    with pytest.raises(Rejected) as caught:
        response = answer(400, json={"error": {"type": "x", "message": "y" * 5000}})
        check_status(response, response.content, "asking")

    assert len(caught.value.failure.message) < 400


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused: 10.0.0.1"),
        httpx.ConnectTimeout(""),
        httpx.ReadTimeout(""),
        httpx.WriteTimeout(""),
        httpx.PoolTimeout(""),
        httpx.ReadError(""),
        httpx.WriteError(""),
        httpx.CloseError(""),
        httpx.RemoteProtocolError("peer closed"),
        httpx.LocalProtocolError(""),
        httpx.ProxyError(""),
        httpx.UnsupportedProtocol(""),
        httpx.DecodingError("not gzip"),
        httpx.TooManyRedirects(""),
        httpx.StreamClosed(),
        RemoteProtocolError("no JSON"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_goes_wrong_on_the_way_is_unavailable(error):
    """Whatever it was, it is looked at again; what we were doing is said first."""
    with pytest.raises(Unavailable, match=r"^asking: ") as caught, translated("asking"):
        raise error

    assert caught.value.__cause__ is error


def test_an_address_that_is_none_is_fatal():
    """Trying again would not help."""
    with pytest.raises(Rejected) as caught, translated("asking"):
        raise httpx.InvalidURL("bad port")

    assert caught.value.fatal


def test_other_errors_are_not_ours_to_translate():
    """A bug stays a bug."""
    with pytest.raises(ZeroDivisionError), translated("asking"):
        raise ZeroDivisionError


def test_a_date_to_come_back_at_counts_from_the_answers_own_date():
    """Retry-After may be an HTTP date; our clock has no say in how long that is."""
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}

    with pytest.raises(Unavailable) as caught:
        check_status(httpx.Response(503, headers=headers), b"", "trying")

    assert caught.value.retry_after == 30.0


def test_a_date_without_one_to_count_from_is_no_wait():
    """A server that does not say what time it has is not waited for by its clock."""
    with pytest.raises(Unavailable) as caught:
        check_status(httpx.Response(503, headers={"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}), b"", "trying")

    assert caught.value.retry_after is None


def test_a_key_that_comes_back_in_an_answer_is_not_quoted():
    """A gateway that echoes the key in its error does not get it into ours."""
    body = b'{"type":"error","error":{"type":"authentication_error","message":"sk-secret is not a key"}}'
    response = httpx.Response(401, headers={"content-type": "application/json"}, content=body)

    with pytest.raises(Rejected) as caught:
        check_status(response, body, "trying", secret="sk-secret")

    assert "sk-secret" not in str(caught.value)
    assert "[the API key] is not a key" in str(caught.value)


@pytest.mark.parametrize("year", ["99999999999999999999", "2026 07:28:00 +99999999999999999999", "-1", "x"])
def test_a_date_that_is_none_is_no_wait(year):
    """Nor does it break us: a number can be too large for a calendar."""
    headers = {"retry-after": f"Wed, 21 Oct {year} 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}

    with pytest.raises(Unavailable) as caught:
        check_status(httpx.Response(503, headers=headers), b"", "trying")

    assert caught.value.retry_after is None


def test_words_are_short_and_without_the_key():
    """What stands where a word should is cut and searched like the message."""
    body = json.dumps({"error": {"type": "sk-secret" + "t" * 5000, "message": ["sk-secret"]}}).encode()
    response = httpx.Response(
        400, headers={"content-type": "application/json", "request-id": "sk-secret"}, content=body
    )

    with pytest.raises(Rejected) as caught:
        check_status(response, body, "trying", secret="sk-secret")

    failure = caught.value.failure
    assert "sk-secret" not in repr(failure)
    assert len(failure.message) < 200
    assert failure.provider_request_id == "[the API key]"
