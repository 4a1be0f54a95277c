"""The verifier: what botocore or AWS's own examples sign is accepted, and whatever was touched afterwards is refused."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from unittest import mock
from urllib.parse import quote

import attrs
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentsup.sim.agentcore.gate import KEYS
from agentsup.sim.agentcore.refusal import AwsRefused
from agentsup.sim.agentcore.sigv4 import Scope, Signed, canonical_request, signature, verify

from .peer import SECRET

NOON = datetime.datetime(2026, 11, 21, 12, 0, 0, tzinfo=datetime.UTC)
TOKEN = "agentsup-session-token"

CASES = json.loads((Path(__file__).parent / "sigv4_cases.json").read_text("utf-8"))["cases"]
LEFT_OUT = {
    "get-header-value-multiline": "folded headers do not reach us: HTTP/1.1 forbids them and the server refuses them",
    "normalize-path/get-space": "a space in a request line is no HTTP",
}


def signed(method="POST", url="https://host.test/harnesses", *, body=b"", headers=(), at=NOON, **keys):
    """A request as botocore signs it."""
    given = {
        "key": "AKIDEXAMPLE",
        "secret": SECRET,
        "token": None,
        "region": "us-east-1",
        "service": "bedrock-agentcore",
    }
    given |= keys
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    who = botocore.credentials.Credentials(given["key"], given["secret"], given["token"])
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=at):
        botocore.auth.SigV4Auth(who, given["service"], given["region"]).add_auth(request)
    _, _, rest = url.partition("://")
    host, slash, target = rest.partition("/")
    path, _, query = (slash + target).partition("?")
    pairs = {"host": host, **{name.lower(): value for name, value in request.headers.items()}}
    return Signed(method, path, query, tuple(pairs.items()), body)


def changed(request, name, value):
    """The request with another value of a header; None takes it away."""
    kept = [(key, old) for key, old in request.headers if key != name]
    return attrs.evolve(request, headers=tuple(kept if value is None else [*kept, (name, value)]))


def authorized(request, old, new):
    """The request with something else in its Authorization header."""
    header = request.header("authorization")
    assert old in header
    return changed(request, "authorization", header.replace(old, new))


def refusal(request, now=NOON):
    with pytest.raises(AwsRefused) as caught:
        verify(request, KEYS, now)
    assert caught.value.status == 403
    return caught.value


# What is accepted

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
SEGMENT = TEXT.map(lambda text: quote(text, safe="-._~"))
PAIR = st.tuples(TEXT.filter(bool), TEXT).map(lambda pair: f"{quote(pair[0], safe='~')}={quote(pair[1], safe='~')}")
VALUE = st.text("abc  ,;=\"'XYZ019-/+", max_size=20)
NAME = (
    st.text("abcdefxyz-", min_size=1, max_size=12)
    .map(lambda name: f"x-{name}".strip("-"))
    .filter(lambda name: name != "x" and not name.startswith(("x-amz-", "x-amzn-trace-id")))
)


@st.composite
def requests(draw):
    path = "/" + "/".join(draw(st.lists(SEGMENT, max_size=5)))
    query = "&".join(sorted(draw(st.lists(PAIR, max_size=4, unique_by=lambda pair: pair.partition("=")[0]))))
    return signed(
        draw(st.sampled_from(["GET", "POST", "PATCH", "DELETE"])),
        f"https://{draw(st.sampled_from(['host.test', '127.0.0.1:8123', '[::1]:9']))}{path}{'?' * bool(query)}{query}",
        body=draw(st.binary(max_size=60)),
        headers=draw(st.dictionaries(NAME, VALUE, max_size=3)),
        region=draw(st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1"])),
        token=draw(st.none() | st.just("any-token")),
        at=NOON + datetime.timedelta(seconds=draw(st.integers(-300, 300))),
    )


@given(requests())
def test_what_botocore_signs_is_accepted(request):
    """Whatever path, query, body, headers, region and token it has, and however skewed within five minutes."""
    assert verify(request, KEYS, NOON).access_key == "AKIDEXAMPLE"


@given(requests(), st.data())
def test_what_was_touched_is_refused(request, data):
    """Another method, path, query, body, signed header or secret: never what was signed."""
    names = [name for name, _ in request.headers if f"{name};" in request.header("authorization") + ";"]
    name = data.draw(st.sampled_from(names))
    old = request.header(name)
    pieces = {
        "method": attrs.evolve(request, method="PUT"),
        "path": attrs.evolve(request, raw_path=request.raw_path + "/x"),
        "query": attrs.evolve(request, raw_query=request.raw_query + "&zz=1"),
        "body": attrs.evolve(request, body=request.body + b"x"),
        "header": changed(request, name, old + "x"),
        "missing header": changed(request, name, None),
        "signature": authorized(request, request.header("authorization")[-4:], "zzzz"),
    }

    for what, touched in pieces.items():
        assert refusal(touched).status == 403, what


@given(requests(), st.binary(max_size=80))
def test_any_other_body_is_refused(request, body):
    """The body's digest is part of what is signed."""
    assume(body != request.body)

    assert refusal(attrs.evolve(request, body=body)).kind == "InvalidSignatureException"


@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_no_header_is_a_crash(text):
    """Any text as Authorization is a refusal with a code."""
    refusal(changed(signed(), "authorization", text))
    refusal(changed(signed(), "authorization", "AWS4-HMAC-SHA256 " + text))
    refusal(changed(signed(), "x-amz-date", text))


@pytest.mark.parametrize("case", [one for one in CASES if one["name"] not in LEFT_OUT], ids=lambda one: one["name"])
def test_aws_own_examples(case):
    """The canonical request and the signature of each, byte by byte; 32 of 34."""
    head, _, body = case["req"].encode().decode("latin-1").partition("\n\n")
    request_line, *lines = head.split("\n")
    method, rest = request_line.split(" ", 1)
    path, _, query = rest.rsplit(" ", 1)[0].partition("?")
    pairs = [line.partition(":") for line in lines]
    headers = tuple((name.lower(), value) for name, _, value in pairs)
    if case["name"] == "get-vanilla-with-session-token":  # its token stands in no request, only in what comes of it
        (token,) = (line for line in case["creq"].split("\n") if line.startswith("x-amz-security-token:"))
        headers = (*headers, ("x-amz-security-token", token.partition(":")[2]))
    request = Signed(method, path, query, headers, body.encode("latin-1"))
    credential, names, expected = (part.partition("=")[2] for part in case["authz"].partition(" ")[2].split(", "))
    _, date, region, service, _ = credential.split("/")

    canonical = canonical_request(request, names.split(";"))

    assert canonical == case["creq"].encode().decode("latin-1")
    scope = Scope("AKIDEXAMPLE", date, region)
    assert signature(SECRET, scope, "20150830T123600Z", canonical, service=service) == expected


def test_the_examples_left_out_are_known():
    """Two of AWS's examples cannot come over a wire."""
    assert len(CASES) == 34
    assert set(LEFT_OUT) <= {case["name"] for case in CASES}


# What is refused, and with which code


def test_nothing_signed():
    """No Authorization header at all."""
    error = refusal(changed(signed(), "authorization", None))

    assert (error.kind, error.message) == ("MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("AWS4-HMAC-SHA256 ", "Bearer "),
        ("Credential=", "Credentials="),
        ("SignedHeaders=", "Signed="),
        ("Signature=", "Signature"),
        (", Signature=", ", Credential=a/b/c/d/e, Signature="),
        ("/aws4_request", ""),
        ("/aws4_request", "/aws4_request/more"),
        ("SignedHeaders=host;x-amz-date", "SignedHeaders="),
    ],
)
def test_malformed_authorization(old, new):
    """A header that is no signature of this kind names what is missing and repeats nothing of it."""
    error = refusal(authorized(signed(), old, new))

    assert error.kind == "IncompleteSignatureException"
    assert "AKIDEXAMPLE" not in error.message


def test_two_authorizations():
    """One request, one signature."""
    request = signed()

    twice = attrs.evolve(request, headers=(*request.headers, ("authorization", request.header("authorization"))))

    assert refusal(twice).kind == "IncompleteSignatureException"


@pytest.mark.parametrize("date", [None, "", "20261121", "20261121T120000", "2026-11-21T12:00:00Z", "20261341T120000Z"])
def test_malformed_date(date):
    """X-Amz-Date in basic ISO form, or nothing."""
    assert refusal(changed(signed(), "x-amz-date", date)).kind == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("/20261121/", "/20261120/", "Date in Credential scope"),
        ("/us-east-1/", "//", "valid region"),
        ("/us-east-1/", "/US_EAST/", "valid region"),
        ("/bedrock-agentcore/", "/bedrock/", "correct service: 'bedrock-agentcore'"),
        ("/aws4_request", "/aws4_response", "valid terminator: 'aws4_request'"),
    ],
)
def test_wrong_scope(old, new, told):
    """Each part of the scope is checked, and the message says which."""
    error = refusal(authorized(signed(), old, new))

    assert error.kind == "InvalidSignatureException"
    assert told in error.message


def test_scope_is_what_was_signed():
    """Signing for another region or service and saying so otherwise does not help."""
    other = signed(service="bedrock")

    assert refusal(authorized(other, "/bedrock/", "/bedrock-agentcore/")).kind == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("seconds", "told"), [(-301, "Signature expired: 20261121T115459Z is now earlier than 20261121T115500Z"),
                          (301, "Signature not yet current: 20261121T120501Z is still later than 20261121T120500Z")]
)  # fmt: skip
def test_skew(seconds, told):
    """Five minutes either way, and AWS's sentences beyond."""
    error = refusal(signed(at=NOON + datetime.timedelta(seconds=seconds)))

    assert error.kind == "InvalidSignatureException"
    assert error.message.startswith(told)


def test_unknown_key_and_wrong_secret():
    """A key nobody has, and a secret that is not the key's."""
    assert refusal(signed(key="AKIDNOBODY")).kind == "UnrecognizedClientException"
    assert refusal(signed(secret="not-the-secret")).kind == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (TOKEN, None),
        (None, "UnrecognizedClientException"),
        ("another", "UnrecognizedClientException"),
        ("agentsup-expired-token", "ExpiredTokenException"),
    ],
)
def test_session_tokens_of_the_second_key(token, code):
    """It takes its own token; another or none is not recognised, and one is known to have expired."""
    request = signed(key="ASIAEXAMPLE", token=token)

    if code is None:
        assert verify(request, KEYS, NOON).access_key == "ASIAEXAMPLE"
    else:
        assert refusal(request).kind == code


def test_the_first_key_takes_any_signed_token():
    """Any token, but signed: one that was slipped in afterwards is not."""
    assert verify(signed(token="whatever"), KEYS, NOON).region == "us-east-1"
    assert refusal(changed(signed(), "x-amz-security-token", "slipped-in")).kind == "InvalidSignatureException"


def test_coverage():
    """Host and every x-amz header that came are signed; names are sorted and in lower case; a header that did not come was not signed."""
    request = signed(headers={"x-amzn-other": "free", "content-type": "application/json"})

    assert "'x-amz-more'" in refusal(changed(request, "x-amz-more", "1")).message
    assert "'Host'" in refusal(authorized(signed(), "host;x-amz-date", "x-amz-date")).message
    assert "sorted" in refusal(authorized(signed(), "host;x-amz-date", "x-amz-date;host")).message
    assert "sorted" in refusal(authorized(signed(), "host;x-amz-date", "Host;x-amz-date")).message
    assert "did not come" in refusal(changed(request, "x-amzn-other", None)).message


def test_unsigned_content_type_is_fine():
    """As on the service: only `host` and `x-amz-*` have to be covered."""
    assert verify(changed(signed(), "content-type", "application/json"), KEYS, NOON)


def test_announced_digest():
    """`x-amz-content-sha256` has to be signed, and true."""
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert verify(signed(headers={"X-Amz-Content-SHA256": digest}), KEYS, NOON)
    assert refusal(changed(signed(), "x-amz-content-sha256", digest)).kind == "InvalidSignatureException"
    wrong = refusal(signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}))
    assert (wrong.kind, "x-amz-content-sha256" in wrong.message) == ("InvalidSignatureException", True)


@pytest.mark.parametrize("query", ["a=x:y", "a=x/y", "a=é", "b=1&a=1+2"])
def test_a_sloppy_query_was_signed_by_nobody(query):
    """A signer that takes the query as it stands signs another request than the one that arrives."""
    taken_as_it_stands = signed("GET", f"https://host.test/?{query}")

    assert refusal(taken_as_it_stands).kind == "InvalidSignatureException"


def test_nothing_secret_is_shown():
    """Neither the request's repr nor the keys' shows what is secret."""
    shown = repr(signed(token="the-token")) + repr(KEYS)

    assert SECRET not in shown
    assert "the-token" not in shown
    assert TOKEN not in shown
