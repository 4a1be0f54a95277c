"""What the simulator takes is what the service's model says, member for member: botocore's models are walked beside ours."""

from __future__ import annotations

import pytest
import trio.testing

from agentsup.sim.agentcore import AgentCoreProtocol, HarnessRules, operations, shapes
from agentsup.sim.agentcore.refusal import STATUS_OF_CODE
from agentsup.sim.mint import Calendar, Mint
from agentsup.sim.pages import Cursors
from agentsup.sim.world import World

from .peer import official

CONTROL = {
    "CreateHarness": operations.CREATE_HARNESS,
    "GetHarness": operations.GET_HARNESS,
    "UpdateHarness": operations.UPDATE_HARNESS,
    "DeleteHarness": operations.DELETE_HARNESS,
    "ListHarnesses": operations.LIST_HARNESSES,
    "ListHarnessVersions": operations.LIST_HARNESS_VERSIONS,
    "CreateHarnessEndpoint": operations.CREATE_HARNESS_ENDPOINT,
    "GetHarnessEndpoint": operations.GET_HARNESS_ENDPOINT,
    "UpdateHarnessEndpoint": operations.UPDATE_HARNESS_ENDPOINT,
    "DeleteHarnessEndpoint": operations.DELETE_HARNESS_ENDPOINT,
    "ListHarnessEndpoints": operations.LIST_HARNESS_ENDPOINTS,
    "TagResource": operations.TAG_RESOURCE,
    "UntagResource": operations.UNTAG_RESOURCE,
    "ListTagsForResource": operations.LIST_TAGS_FOR_RESOURCE,
}
DATA = {
    "InvokeHarness": operations.INVOKE_HARNESS,
    "InvokeAgentRuntimeCommand": operations.INVOKE_COMMAND,
    "StopRuntimeSession": operations.STOP_RUNTIME_SESSION,
}
OPERATIONS = [
    *(("bedrock-agentcore-control", name, shape) for name, shape in CONTROL.items()),
    *(("bedrock-agentcore", name, shape) for name, shape in DATA.items()),
]


def operation(service, name):
    return official().get_service_model(service).operation_model(name)


def ours(shape):
    """One of our shapes as plain data."""
    match shape:
        case shapes.Text(least, most, pattern, enum):
            return ("string", least, most, pattern, tuple(sorted(enum)))
        case shapes.Integer(least, most):
            return ("integer", least, most)
        case shapes.Number(least, most):
            return ("float", least, most)
        case shapes.Boolean():
            return ("boolean",)
        case shapes.Blob():
            return ("blob",)
        case shapes.Document():
            return ("document",)
        case shapes.ListOf(member, least, most):
            return ("list", least, most, ours(member))
        case shapes.MapOf(key, value, least, most):
            return ("map", least, most, ours(key), ours(value))
        case shapes.Structure(members, required):
            return ("structure", tuple(sorted(required)), {name: ours(one) for name, one in members.items()})
        case shapes.Union(members):
            return ("union", {name: ours(one) for name, one in members.items()})


def theirs(shape):
    """One of botocore's, likewise."""
    bounds = (shape.metadata.get("min"), shape.metadata.get("max"))
    match shape.type_name:
        case "string":
            return ("string", *bounds, shape.metadata.get("pattern"), tuple(sorted(shape.metadata.get("enum", ()))))
        case "integer" | "float":
            return (shape.type_name, *bounds)
        case "boolean" | "blob":
            return (shape.type_name,)
        case "list":
            return ("list", *bounds, theirs(shape.member))
        case "map":
            return ("map", *bounds, theirs(shape.key), theirs(shape.value))
        case "structure" if shape.is_document_type:
            return ("document",)
        case "structure" if shape.is_tagged_union:
            return ("union", {name: theirs(one) for name, one in shape.members.items()})
        case "structure":
            members = {name: theirs(one) for name, one in shape.members.items()}
            return ("structure", tuple(sorted(shape.required_members)), members)


@pytest.mark.parametrize(("service", "name", "shape"), OPERATIONS, ids=[name for _, name, _ in OPERATIONS])
def test_every_member_is_where_the_model_has_it(service, name, shape):
    """Place, bounds, patterns, words, what is required: the same on both sides, nothing missing, nothing more."""
    model = operation(service, name).input_shape
    places = {member: one.serialization.get("location") for member, one in model.members.items()}
    payload = model.serialization.get("payload")
    body = {
        member: theirs(one) for member, one in model.members.items() if places[member] is None and member != payload
    }
    required = set(model.required_members)
    expected_body = (
        theirs(model.members[payload]) if payload else ("structure", tuple(sorted(required & set(body))), body)
    )

    assert {m: ours(one) for m, one in shape.path.items()} == {
        m: theirs(one) for m, one in model.members.items() if places[m] == "uri"
    }
    assert {m: ours(one) for m, one in shape.query.items()} == {
        m: theirs(one) for m, one in model.members.items() if places[m] == "querystring"
    }
    assert {m: (header, ours(one)) for m, (header, one) in shape.headers.items()} == {
        m: (one.serialization["name"].lower(), theirs(one)) for m, one in model.members.items() if places[m] == "header"
    }
    assert ours(shape.body) == expected_body
    assert shape.payload == payload
    assert set(shape.required) == {m for m in required if places[m] in ("querystring", "header")}


async def test_every_path_is_where_the_model_has_it():
    """Each operation's method and path have a route, and there are no others."""
    async with trio.open_nursery() as nursery:
        world = World(Mint("x"), Calendar(0.0), Cursors(), nursery)
        routes = {(one.method, one.pattern) for one in AgentCoreProtocol(world, HarnessRules()).routes()}

    expected = {
        (operation(service, name).http["method"], operation(service, name).http["requestUri"])
        for service, name, _ in OPERATIONS
    }
    assert routes == expected


def test_every_error_has_the_models_status():
    """The statuses of the modeled errors are the model's."""
    found = {
        error.name: error.metadata["error"]["httpStatusCode"]
        for service, name, _ in OPERATIONS
        for error in operation(service, name).error_shapes
    }

    assert found == {name: STATUS_OF_CODE[name] for name in found}
