"""The input of every operation: which member rides where, and what it may be. Pure.

`read_input` is the door: it gathers path, query, headers and body into one object under the model's own member names, and refuses
with every problem at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import attrs

from agentsup.errors import Problem
from agentsup.sim.exchange import Json, Request

from .definition import ALLOWED_TOOLS, HOOKS, MEMORY, MODEL, SKILLS, SYSTEM_PROMPT, TOOL_NAME, TOOLS, TRUNCATION
from .environment import AUTHORIZER, ENVIRONMENT, ENVIRONMENT_ARTIFACT, ENVIRONMENT_VARIABLES, ROLE_ARN, TAGS
from .refusal import CANNOT_PARSE, AwsRefused, invalid_fields
from .shapes import NOT_NULL, Blob, Boolean, Document, Integer, ListOf, Shape, Structure, Text, Union

_ID = r"[a-zA-Z][a-zA-Z0-9_]{0,39}-[a-zA-Z0-9]{10}"
_ARN = r"arn:([^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:harness/" + _ID

_HARNESS_ID = Text(pattern=_ID)
_HARNESS_NAME = Text(pattern=r"[a-zA-Z][a-zA-Z0-9_]{0,39}")
_ENDPOINT_NAME = Text(pattern=r"[a-zA-Z][a-zA-Z0-9_]{0,47}")
_VERSION = Text(1, 5, r"([1-9][0-9]{0,4})")
_CLIENT_TOKEN = Text(33, 256, r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}")
_DESCRIPTION = Text(1, 256)
_TAGGABLE = Text(20, 1011, r"arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z-]+/[^/]+)(?:/[a-z-]+/[^/]+)*")

_PAGING: dict[str, Shape] = {"maxResults": Integer(1, 100), "nextToken": Text(1, 2048, r"\S*")}

_SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id"
_TRACING: dict[str, tuple[str, Shape]] = {
    "traceId": ("x-amzn-trace-id", Text(0, 1024)),
    "traceParent": ("traceparent", Text(0, 1024)),
    "traceState": ("tracestate", Text(0, 512)),
    "baggage": ("baggage", Text(0, 8192)),
}


DEEPEST = 200
"""Levels of nesting in a body: more than any schema has, fewer than Python's own JSON can write."""


@attrs.frozen
class Input:
    """Where the members of one operation's input are, and their shapes."""

    path: Mapping[str, Shape] = attrs.field(factory=dict)
    query: Mapping[str, Shape] = attrs.field(factory=dict)
    headers: Mapping[str, tuple[str, Shape]] = attrs.field(factory=dict)
    """Member name to header name, in lower case, and shape."""
    body: Structure = attrs.field(factory=lambda: Structure({}))
    required: tuple[str, ...] = ()
    """Of path, query and headers; the body has its own."""
    payload: str | None = None
    """The one member the body is, where it is not the members themselves."""


def read_input(shape: Input, request: Request) -> Json:
    """The input's members by name; what was not given is not there.

    Raises:
        AwsRefused: 400 that names every member that is wrong, or says that the body is no JSON object.
    """
    problems: list[Problem] = []
    found: Json = {name: request.params[name] for name in shape.path}
    for name, member in shape.query.items():
        values = [value for key, value in request.query if key == name]
        if values:
            found[name] = _from_text(member, values)
    for name, (header, _) in shape.headers.items():
        if any(key == header for key, _ in request.headers):
            found[name] = request.header(header)
    problems += [Problem(name, NOT_NULL) for name in shape.required if not found.get(name)]
    members = {**shape.path, **shape.query, **{name: member for name, (_, member) in shape.headers.items()}}
    for name, value in found.items():
        if value != "" or name not in shape.required:
            members[name].check(value, name, problems)
    body = _read_body(request)
    shape.body.check(body, shape.payload or "", problems)
    if problems:
        raise invalid_fields(problems)
    given = {name: body[name] for name in shape.body.members if body.get(name) is not None}
    return {**found, shape.payload: given} if shape.payload is not None else {**found, **given}


def _from_text(shape: Shape, values: list[str]) -> Any:
    """A query value as the JSON it stands for; what cannot be that stays text, and is then named as wrong."""
    text = values[-1]
    match shape:
        case ListOf():
            return values
        case Integer() if text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal() and len(text) < 10:
            return int(text)
        case Boolean() if text in ("true", "false"):
            return text == "true"
        case _:
            return text


def _read_body(request: Request) -> Json:
    if not request.body.strip():
        return {}
    try:
        body = json.loads(request.body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise AwsRefused("ValidationException", "The request body is not valid JSON", reason=CANNOT_PARSE) from error
    if not isinstance(body, dict):
        raise AwsRefused("ValidationException", "The request body must be a JSON object", reason=CANNOT_PARSE)
    if _is_deep(request.body, body):
        told = f"The request body must not be nested deeper than {DEEPEST}"
        raise AwsRefused("ValidationException", told, reason=CANNOT_PARSE)
    return body


def _finite(word: str) -> float:
    """A number; NaN and its kin, and what is too large for a number, are refused: Python reads them, JSON does not have them."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number


def _is_deep(written: bytes, body: Json) -> bool:
    """Whether it is nested so deeply that nobody could write it down again; asked only where it might be."""
    if written.count(b"[") + written.count(b"{") <= DEEPEST:
        return False
    level: list[Any] = [body]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


# The control plane

_DEFINED: dict[str, Shape] = {
    "executionRoleArn": ROLE_ARN,
    "environment": ENVIRONMENT,
    "environmentVariables": ENVIRONMENT_VARIABLES,
    "model": MODEL,
    "systemPrompt": SYSTEM_PROMPT,
    "tools": TOOLS,
    "skills": SKILLS,
    "allowedTools": ALLOWED_TOOLS,
    "truncation": TRUNCATION,
    "hooks": HOOKS,
    "maxIterations": Integer(),
    "maxTokens": Integer(),
    "timeoutSeconds": Integer(),
}
"""What create and update both take, written alike."""

CREATE_HARNESS = Input(
    body=Structure(
        {
            "harnessName": _HARNESS_NAME,
            "clientToken": _CLIENT_TOKEN,
            **_DEFINED,
            "environmentArtifact": ENVIRONMENT_ARTIFACT,
            "authorizerConfiguration": AUTHORIZER,
            "memory": MEMORY,
            "tags": TAGS,
        },
        ("harnessName", "executionRoleArn"),
    )
)

GET_HARNESS = Input(path={"harnessId": _HARNESS_ID}, query={"harnessVersion": _VERSION})

UPDATE_HARNESS = Input(
    path={"harnessId": _HARNESS_ID},
    body=Structure(
        {
            "clientToken": _CLIENT_TOKEN,
            **_DEFINED,
            "environmentArtifact": Structure({"optionalValue": ENVIRONMENT_ARTIFACT}),
            "authorizerConfiguration": Structure({"optionalValue": AUTHORIZER}),
            "memory": Structure({"optionalValue": MEMORY}),
        }
    ),
)

DELETE_HARNESS = Input(
    path={"harnessId": _HARNESS_ID}, query={"clientToken": _CLIENT_TOKEN, "deleteManagedMemory": Boolean()}
)

LIST_HARNESSES = Input(query=_PAGING)

LIST_HARNESS_VERSIONS = Input(path={"harnessId": _HARNESS_ID}, query=_PAGING)

CREATE_HARNESS_ENDPOINT = Input(
    path={"harnessId": _HARNESS_ID},
    body=Structure(
        {
            "endpointName": _ENDPOINT_NAME,
            "targetVersion": _VERSION,
            "description": _DESCRIPTION,
            "clientToken": _CLIENT_TOKEN,
            "tags": TAGS,
        },
        ("endpointName",),
    ),
)

GET_HARNESS_ENDPOINT = Input(path={"harnessId": _HARNESS_ID, "endpointName": _ENDPOINT_NAME})

UPDATE_HARNESS_ENDPOINT = Input(
    path={"harnessId": _HARNESS_ID, "endpointName": _ENDPOINT_NAME},
    body=Structure({"targetVersion": _VERSION, "description": _DESCRIPTION, "clientToken": _CLIENT_TOKEN}),
)

DELETE_HARNESS_ENDPOINT = Input(
    path={"harnessId": _HARNESS_ID, "endpointName": _ENDPOINT_NAME}, query={"clientToken": _CLIENT_TOKEN}
)

LIST_HARNESS_ENDPOINTS = Input(path={"harnessId": _HARNESS_ID}, query=_PAGING)

TAG_RESOURCE = Input(path={"resourceArn": _TAGGABLE}, body=Structure({"tags": TAGS}, ("tags",)))

UNTAG_RESOURCE = Input(
    path={"resourceArn": _TAGGABLE},
    query={"tagKeys": ListOf(TAGS.key, 0, 200)},
    required=("tagKeys",),
)

LIST_TAGS_FOR_RESOURCE = Input(path={"resourceArn": _TAGGABLE})

# The data plane

_TOOL_USE_ID = Text(least=1, most=64, pattern=r"[a-zA-Z0-9_-]+")
_TOOL_USE_TYPE = Text(enum=("tool_use", "server_tool_use", "mcp_tool_use"))
_SENSITIVE = Text(least=1)

_CONTENT_BLOCK = Union(
    {
        "text": _SENSITIVE,
        "toolUse": Structure(
            {
                "name": TOOL_NAME,
                "toolUseId": _TOOL_USE_ID,
                "input": Document(),
                "type": _TOOL_USE_TYPE,
                "serverName": Text(),
            },
            ("name", "toolUseId", "input"),
        ),
        "toolResult": Structure(
            {
                "toolUseId": _TOOL_USE_ID,
                "content": ListOf(Union({"text": _SENSITIVE, "json": Document()})),
                "status": Text(enum=("success", "error")),
                "type": _TOOL_USE_TYPE,
            },
            ("toolUseId", "content"),
        ),
        "reasoningContent": Union(
            {
                "reasoningText": Structure({"text": Text(), "signature": Text()}, ("text",)),
                "redactedContent": Blob(),
            }
        ),
    }
)

INVOKE_HARNESS = Input(
    query={"harnessArn": Text(pattern=_ARN), "qualifier": _ENDPOINT_NAME},
    headers={
        "runtimeSessionId": (_SESSION_HEADER, Text(33, 100, r"[a-zA-Z0-9][a-zA-Z0-9-_]*")),
        "runtimeUserId": ("x-amzn-bedrock-agentcore-runtime-user-id", Text()),
        **_TRACING,
    },
    body=Structure(
        {
            "messages": ListOf(
                Structure(
                    {"role": Text(enum=("user", "assistant")), "content": ListOf(_CONTENT_BLOCK)}, ("role", "content")
                )
            ),
            "model": MODEL,
            "systemPrompt": SYSTEM_PROMPT,
            "tools": TOOLS,
            "skills": SKILLS,
            "allowedTools": ALLOWED_TOOLS,
            "maxIterations": Integer(),
            "maxTokens": Integer(),
            "timeoutSeconds": Integer(),
            "actorId": Text(),
        },
        ("messages",),
    ),
    required=("harnessArn", "runtimeSessionId"),
)

_RUNTIME_SESSION = Text(33, 256)

INVOKE_COMMAND = Input(
    path={"agentRuntimeArn": Text()},
    query={"qualifier": Text(), "accountId": Text(pattern=r"[0-9]{12}")},
    headers={
        "contentType": ("content-type", Text(1, 256)),
        "accept": ("accept", Text(1, 256)),
        "runtimeSessionId": (_SESSION_HEADER, _RUNTIME_SESSION),
        **_TRACING,
    },
    body=Structure({"command": Text(1, 65536), "timeout": Integer()}, ("command",)),
    payload="body",
)

STOP_RUNTIME_SESSION = Input(
    path={"agentRuntimeArn": Text()},
    query={"qualifier": Text()},
    headers={"runtimeSessionId": (_SESSION_HEADER, _RUNTIME_SESSION)},
    body=Structure({"clientToken": _CLIENT_TOKEN}),
    required=("runtimeSessionId",),
)
