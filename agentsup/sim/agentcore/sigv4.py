"""Verifies AWS Signature Version 4 as a strict service would: the whole request, and nothing taken on trust. Pure.

What is checked, in this order: the Authorization header's form; the date; the scope (date, region, service, terminator); the key and
its session token; the skew; that `host` and every `x-amz-*` header that came is signed; the announced body hash; the signature.

Where signers disagree, this one takes the specification's side: query names and values are decoded and encoded again (a raw `:`, `/`
or letter beyond ASCII in a query was signed by nobody), and pairs are sorted by name, then value. The path is normalised and then
encoded a second time, as for every service but S3. `content-type` may be unsigned, as on the real service.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote_to_bytes

import attrs

from .refusal import AwsRefused

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "bedrock-agentcore"
TERMINATOR = "aws4_request"

SKEW = datetime.timedelta(minutes=5)
"""How far a request's date may be from the service's clock, either way."""

_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_FIELD = re.compile(r"\s*(Credential|SignedHeaders|Signature)=([^,\s]*)\s*")
_PARAMETERS = ("Credential", "SignedHeaders", "Signature")
_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - AWS's sentence about one


@attrs.frozen
class Key:
    """An access key the service knows."""

    secret: str = attrs.field(repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    """The session token it must come with; None takes any, or none at all."""
    expired_token: str | None = attrs.field(default=None, repr=False)
    """The token that was good once."""


@attrs.frozen
class Signed:
    """One request, as far as a signature is concerned."""

    method: str
    raw_path: str
    """Still percent-encoded, as on the wire."""
    raw_query: str
    headers: Sequence[tuple[str, str]] = attrs.field(repr=False)
    """Names in lower case, in the order they came; as everywhere here, a character stands for one byte (latin-1)."""
    body: bytes = attrs.field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The header's values joined by commas, `""` where it is missing."""
        return ",".join(value for key, value in self.headers if key == name)


@attrs.frozen
class Scope:
    """What a signature is good for."""

    access_key: str
    date: str
    region: str


@attrs.frozen
class _Authorization:
    """The parts of the Authorization header."""

    credential: tuple[str, ...]
    signed_headers: tuple[str, ...]
    signature: str


def verify(signed: Signed, keys: Mapping[str, Key], now: datetime.datetime) -> Scope:
    """The scope of a request whose signature holds.

    Args:
        signed: the request.
        keys: the known keys by access key id.
        now: the service's clock, aware.

    Raises:
        AwsRefused: 403 with the code AWS has for what is wrong.
    """
    authorization = _read_authorization(signed)
    moment = _moment(signed)
    scope = _scope(authorization, moment)
    key = _key(scope.access_key, signed, keys)
    _check_skew(moment, now)
    _check_coverage(signed, authorization)
    canonical = canonical_request(signed, authorization.signed_headers)
    expected = signature(key.secret, scope, moment.strftime(_TIMESTAMP), canonical)
    if not hmac.compare_digest(expected.encode(), authorization.signature.encode()):
        raise _mismatch()
    return scope


def _incomplete(message: str) -> AwsRefused:
    return AwsRefused("IncompleteSignatureException", message)


def _invalid(message: str) -> AwsRefused:
    return AwsRefused("InvalidSignatureException", message)


def _mismatch() -> AwsRefused:
    return _invalid(
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )


def _read_authorization(signed: Signed) -> _Authorization:
    given = [value for name, value in signed.headers if name == "authorization"]
    if not given:
        raise AwsRefused("MissingAuthenticationTokenException", "Missing Authentication Token")
    algorithm, _, rest = given[0].strip().partition(" ")
    if len(given) > 1 or algorithm != ALGORITHM:
        raise _incomplete(f"Authorization header must be one of algorithm '{ALGORITHM}'.")
    found: dict[str, str] = {}
    for part in rest.split(","):
        field = _FIELD.fullmatch(part)
        if field is None or field[1] in found:
            raise _incomplete("Authorization header has a part that is not a valid key=value pair of its own.")
        found[field[1]] = field[2]
    missing = [name for name in _PARAMETERS if not found.get(name)]
    if missing:
        told = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise _incomplete(told)
    credential = tuple(found["Credential"].split("/"))
    if len(credential) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        )
    return _Authorization(credential, tuple(found["SignedHeaders"].split(";")), found["Signature"])


def _moment(signed: Signed) -> datetime.datetime:
    given = signed.header("x-amz-date")
    if not given:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    try:
        written = given if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", given) else ""  # strptime alone takes shorter ones
        return datetime.datetime.strptime(written, _TIMESTAMP).replace(tzinfo=datetime.UTC)
    except ValueError as error:
        raise _incomplete("Date must be in ISO-8601 'basic format', such as 20150830T123600Z.") from error


def _scope(authorization: _Authorization, moment: datetime.datetime) -> Scope:
    access_key, date, region, service, terminator = authorization.credential
    problems = []
    if date != moment.strftime("%Y%m%d"):
        problems.append("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    if _REGION.fullmatch(region) is None:
        problems.append("Credential should be scoped to a valid region.")
    if service != SERVICE:
        problems.append(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if terminator != TERMINATOR:
        problems.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}'.")
    if problems:
        raise _invalid(" ".join(problems))
    return Scope(access_key, date, region)


def _key(access_key: str, signed: Signed, keys: Mapping[str, Key]) -> Key:
    key = keys.get(access_key)
    if key is None:
        raise AwsRefused("UnrecognizedClientException", _INVALID_TOKEN)
    token = signed.header("x-amz-security-token")
    if key.expired_token is not None and token == key.expired_token:
        raise AwsRefused("ExpiredTokenException", "The security token included in the request is expired")
    if key.token is not None and token != key.token:
        raise AwsRefused("UnrecognizedClientException", _INVALID_TOKEN)
    return key


def _check_skew(moment: datetime.datetime, now: datetime.datetime) -> None:
    told, here = moment.strftime(_TIMESTAMP), now.strftime(_TIMESTAMP)
    if moment < now - SKEW:
        edge = (now - SKEW).strftime(_TIMESTAMP)
        raise _invalid(f"Signature expired: {told} is now earlier than {edge} ({here} - 5 min.)")
    if moment > now + SKEW:
        edge = (now + SKEW).strftime(_TIMESTAMP)
        raise _invalid(f"Signature not yet current: {told} is still later than {edge} ({here} + 5 min.)")


def _check_coverage(signed: Signed, authorization: _Authorization) -> None:
    names = authorization.signed_headers
    if list(names) != sorted(set(names)) or any(name != name.lower() for name in names):
        raise _invalid("SignedHeaders must be in lower case, sorted, and each there once.")
    came = {name for name, _ in signed.headers}
    if "host" not in names:
        raise _invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    for name in sorted(came):
        if name.startswith("x-amz-") and name not in names:
            raise _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    absent = [name for name in names if name not in came]
    if absent:
        raise _invalid(f"SignedHeaders names headers that did not come: {', '.join(absent)}.")
    announced = signed.header("x-amz-content-sha256")
    if announced and announced != hashlib.sha256(signed.body).hexdigest():
        raise _invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")


def canonical_request(signed: Signed, signed_headers: Sequence[str]) -> str:
    """The request as both sides write it down before hashing."""
    lines = [f"{name}:{_canonical_values(signed, name)}\n" for name in signed_headers]
    return "\n".join(
        (
            signed.method.upper(),
            _canonical_path(signed.raw_path),
            _canonical_query(signed.raw_query),
            "".join(lines),
            ";".join(signed_headers),
            hashlib.sha256(signed.body).hexdigest(),
        )
    )


def _canonical_values(signed: Signed, name: str) -> str:
    return ",".join(" ".join(value.split()) for key, value in signed.headers if key == name)


def _canonical_path(raw_path: str) -> str:
    kept: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    normal = "/" + "/".join(kept)
    if kept and raw_path.endswith("/"):
        normal += "/"
    return quote(normal.encode("latin-1", "replace"), safe="/~")


def _canonical_query(raw_query: str) -> str:
    pairs = []
    for pair in raw_query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            pairs.append((_reencoded(name), _reencoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _reencoded(text: str) -> str:
    return quote(unquote_to_bytes(text.encode("latin-1", "replace")), safe="~")


def signature(secret: str, scope: Scope, timestamp: str, canonical: str, *, service: str = SERVICE) -> str:
    """The signature of a canonical request, in hex."""
    told = f"{scope.date}/{scope.region}/{service}/{TERMINATOR}"
    hashed = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    to_sign = f"{ALGORITHM}\n{timestamp}\n{told}\n{hashed}"
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, service, TERMINATOR):
        key = _hmac(key, part)
    return _hmac(key, to_sign).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).digest()
