"""Signatures: the same as botocore's, for every address that can be made here, and as AWS's own examples."""

from __future__ import annotations

import datetime
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup.providers.aws.credentials import Credentials
from agentsup.providers.aws.signing import Signer
from agentsup.providers.aws.target import base_problems, target

NOON = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.UTC)
KEYS = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SEGMENTS = st.lists(TEXT.filter(lambda text: text not in ("", ".", "..")), max_size=4).map(tuple)


def signable(query):
    """Whether no name goes on where another one ends."""
    names = {name for name, _ in query}
    return not any(one != two and two.startswith(one) for one in names for two in names)


QUERY = st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4).map(tuple).filter(signable)
BASES = st.sampled_from(
    [
        "https://bedrock-agentcore.us-east-1.amazonaws.com",
        "https://Example.COM:443/",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:80/pre%3afix//./x",
        "http://[::1]:9000/über",
        "http://localhost",
    ]
)
TOKENS = st.none() | st.text("abcXYZ019+/=", min_size=1, max_size=40)


def ours(method, where, body, token=None, *, service="bedrock-agentcore"):
    keys = Credentials(access_key_id=KEYS.access_key_id, secret_access_key=KEYS.secret_access_key, session_token=token)
    signer = Signer(region="us-east-1", service=service, now=lambda: NOON)
    return dict(signer.sign(method, where, body, keys))


def theirs(method, url, body, token=None, *, service="bedrock-agentcore"):
    keys = botocore.credentials.Credentials(KEYS.access_key_id, KEYS.secret_access_key, token)
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=NOON):
        botocore.auth.SigV4Auth(keys, service, "us-east-1").add_auth(request)
    return dict(request.headers)


@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "post"]),
    base=BASES,
    segments=SEGMENTS,
    query=QUERY,
    body=st.binary(max_size=64),
    token=TOKENS,
)
def test_a_signature_equals_botocores(method, base, segments, query, body, token):
    """For any path, query, body and token: AWS's own signer says the same of the address we send."""
    where = target(base, segments, query)
    signed = ours(method, where, body, token)
    expected = theirs(method.upper(), where.url, body, token)

    assert signed.pop("host") == where.host
    assert {name.lower(): value for name, value in signed.items()} == {
        name.lower(): value for name, value in expected.items()
    }


@given(base=BASES, segments=SEGMENTS, query=QUERY)
def test_the_http_client_sends_what_was_signed(base, segments, query):
    """Nothing of it is respelled by httpx, and would send the same host."""
    where = target(base, segments, query)
    sent = httpx.Request("POST", where.url)

    assert str(sent.url.raw_path, "ascii") == where.url.split(where.host, 1)[1]
    assert sent.headers["host"] == where.host


@given(base=BASES, segments=SEGMENTS, query=QUERY)
def test_a_target_is_canonical_for_a_strict_service(base, segments, query):
    """Only unreserved characters and upper-case escapes, names sorted before values; nothing is left for a service to respell."""
    path, _, tail = target(base, segments, query).url.split("://", 1)[1].partition("/")[2].partition("?")
    for part in [*path.split("/"), *tail.replace("&", "=").split("=")]:
        plain = httpx.QueryParams(f"x={part}")["x"] if part else ""
        assert part == "".join(
            chr(byte) if (chr(byte).isalnum() and byte < 128) or chr(byte) in "-._~" else f"%{byte:02X}"
            for byte in plain.encode()
        )
    pairs = [tuple(pair.split("=")) for pair in tail.split("&")] if tail else []
    assert pairs == sorted(pairs)
    assert len(pairs) == len(query)


def test_aws_own_example():
    """`get-vanilla-query-order-key-case` of AWS's test suite."""
    signer_input = target("https://example.amazonaws.com", (), (("Param2", "value2"), ("Param1", "value1")))

    assert ours("GET", signer_input, b"", service="service")["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    )


def test_nothing_claims_to_be_signed_that_is_not():
    """Every `x-amz-` header that is sent is in the list of signed ones."""
    signed = ours("POST", target("https://example.com", ("a",)), b"{}", "token")
    listed = signed["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")

    assert sorted(name.lower() for name in signed if name.lower() != "authorization") == listed


@pytest.mark.parametrize("names", [("a", "a-b"), ("Param", "Param-3"), ("a", "a0")])
def test_what_the_package_would_sign_wrongly_is_refused(names):
    """It sorts whole pairs where the service sorts names; none of AgentCore's names are such a pair."""
    with pytest.raises(ValueError, match="cannot be signed"):
        target("https://example.com", (), tuple((name, "x") for name in names))


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_a_path_is_never_another_path(segment):
    """An id that would climb out of its place is refused before anything is signed."""
    with pytest.raises(ValueError, match="part of a path"):
        target("https://example.com", ("harnesses", segment))


@pytest.mark.parametrize(
    "base",
    [
        "",
        "example.com",
        "ftp://example.com",
        "http://",
        "http://user:secret@example.com",
        "http://example.com:0",
        "http://example.com:99999",
        "http://example.com:x",
        "http://example.com?x=1",
        "http://example.com#x",
        "http://ex ample.com",
        "http://exämple.com",
        "http://[::1",
        "http://a%41.com",
    ],
)
def test_a_base_that_is_no_address_says_so(base):
    """One problem, in words, without the value."""
    (problem,) = base_problems(base)
    assert problem.startswith("must ")
    assert "secret" not in problem
    with pytest.raises(ValueError, match="must "):
        target(base, ("a",))


def test_each_attempt_is_signed_anew():
    """With the time it is made at."""
    times = iter([NOON, NOON + datetime.timedelta(seconds=1)])
    signer = Signer(region="us-east-1", service="s", now=lambda: next(times))
    where = target("https://example.com", ("a",))
    first, second = signer.sign("GET", where, b"", KEYS), signer.sign("GET", where, b"", KEYS)

    assert (first["x-amz-date"], second["x-amz-date"]) == ("20150830T123600Z", "20150830T123601Z")
    assert first["Authorization"] != second["Authorization"]


def test_the_repr_of_a_signer_and_of_keys_shows_no_secret():
    """They stand in tracebacks and trees."""
    assert repr(Signer(region="eu-west-1", service="s")) == "<Signer for s in eu-west-1>"
    assert repr(KEYS) == "<Credentials permanent>"
