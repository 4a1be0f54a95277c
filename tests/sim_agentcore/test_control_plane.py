"""The control plane, said by botocore's client: every operation, the life cycle, pages, tokens, and the codes of what is refused."""

from __future__ import annotations

import uuid

import pytest
import trio

import agentsup
from agentsup.sim import HarnessRules

from .peer import ROLE, code, fields, official, planes, status, until

PROMPT = [{"text": "Be brief."}]
INLINE = {
    "type": "inline_function",
    "name": "count",
    "config": {"inlineFunction": {"description": "Counts.", "inputSchema": {"type": "object"}}},
}


async def create(aws, name="demo", **given):
    answer = await aws.call(aws.control.create_harness, harnessName=name, executionRoleArn=ROLE, **given)
    return answer["harness"]


async def test_create_and_watch_until_ready(aws):
    """A harness is CREATING at first, READY after a while, and shows what it was given beside what the service fills in."""
    made = await create(aws, systemPrompt=PROMPT, tools=[INLINE], maxIterations=5, environmentVariables={"A": "b"})
    ready = await aws.until("READY", made["harnessId"])

    assert made["status"] == "CREATING"
    assert made["harnessId"].startswith("demo-")
    assert made["arn"] == f"arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/{made['harnessId']}"
    assert (ready["harnessVersion"], ready["executionRoleArn"], ready["systemPrompt"]) == ("1", ROLE, PROMPT)
    assert (ready["tools"], ready["maxIterations"], ready["environmentVariables"]) == ([INLINE], 5, {"A": "b"})
    runtime = ready["environment"]["agentCoreRuntimeEnvironment"]
    assert runtime["lifecycleConfiguration"] == {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800}
    assert runtime["networkConfiguration"] == {"networkMode": "PUBLIC"}
    assert "managedMemoryConfiguration" in ready["memory"]
    assert set(official().get_service_model("bedrock-agentcore-control").shape_for("Harness").required_members) <= set(
        ready
    )


async def test_create_answers_201(aws):
    """Create is the operation that answers 201."""
    answer = await trio.to_thread.run_sync(
        lambda: aws.control.create_harness(harnessName="demo", executionRoleArn=ROLE)
    )

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer["ResponseMetadata"]["RequestId"]


async def test_a_creation_that_fails(aws):
    """The tag makes it CREATE_FAILED, with a reason; it can be deleted, not updated."""
    made = await create(aws, tags={"agentsup:create": "failed"})
    failed = await aws.until("CREATE_FAILED", made["harnessId"])

    assert "agentsup:create" in failed["failureReason"]
    refused = await aws.error(aws.control.update_harness, harnessId=made["harnessId"], maxTokens=5)
    assert (code(refused), status(refused)) == ("ConflictException", 409)
    gone = await aws.call(aws.control.delete_harness, harnessId=made["harnessId"])
    assert gone["harness"]["status"] == "DELETING"


async def test_update_keeps_replaces_and_clears(aws):
    """What is absent stays, a list that is given replaces the whole, an empty wrapper clears; each success is a version."""
    made = await aws.harness(
        "demo", systemPrompt=PROMPT, tools=[INLINE], memory={"disabled": {}}, maxIterations=3, allowedTools=["a", "b"]
    )

    updated = await aws.call(aws.control.update_harness, harnessId=made["harnessId"], allowedTools=["c"], memory={})
    after = await aws.until("READY", made["harnessId"])
    again = await aws.call(
        aws.control.update_harness,
        harnessId=made["harnessId"],
        memory={"optionalValue": {"managedMemoryConfiguration": {"eventExpiryDuration": 7}}},
    )

    assert (updated["harness"]["status"], updated["harness"]["harnessVersion"]) == ("UPDATING", "2")
    assert (after["allowedTools"], after["systemPrompt"], after["maxIterations"]) == (["c"], PROMPT, 3)
    assert (
        "managedMemoryConfiguration" in after["memory"]
    )  # the service's default, as it had been before it was disabled
    assert again["harness"]["memory"] == {"managedMemoryConfiguration": {"eventExpiryDuration": 7}}
    first = await aws.call(aws.control.get_harness, harnessId=made["harnessId"], harnessVersion="1")
    assert (first["harness"]["allowedTools"], first["harness"]["memory"]) == (["a", "b"], {"disabled": {}})


async def test_an_update_that_fails(aws):
    """It is UPDATE_FAILED, the old definition stays in force, and another try gets the next number."""
    made = await aws.harness("demo", maxIterations=3)
    await aws.call(aws.control.tag_resource, resourceArn=made["arn"], tags={"agentsup:update": "failed"})
    await aws.call(aws.control.update_harness, harnessId=made["harnessId"], maxIterations=4)
    failed = await aws.until("UPDATE_FAILED", made["harnessId"])
    await aws.call(aws.control.untag_resource, resourceArn=made["arn"], tagKeys=["agentsup:update"])
    await aws.call(aws.control.update_harness, harnessId=made["harnessId"], maxIterations=5)
    ready = await aws.until("READY", made["harnessId"])

    versions = (await aws.call(aws.control.list_harness_versions, harnessId=made["harnessId"]))["harnessVersions"]
    assert (failed["maxIterations"], failed["harnessVersion"]) == (3, "1")
    assert "agentsup:update" in failed["failureReason"]
    assert (ready["maxIterations"], ready["harnessVersion"]) == (5, "3")
    assert [one["status"] for one in versions] == ["READY", "UPDATE_FAILED", "READY"]


async def test_delete_is_gone_after_a_while(aws):
    """DELETING, then 404; the name is free again, the id is not handed out a second time."""
    made = await aws.harness("demo")
    answer = await aws.call(aws.control.delete_harness, harnessId=made["harnessId"], deleteManagedMemory=False)
    taken = await aws.error(aws.control.create_harness, harnessName="demo", executionRoleArn=ROLE)
    await gone(aws, made)
    anew = await create(aws)

    assert answer["harness"]["status"] == "DELETING"
    assert code(taken) == "ConflictException"
    assert anew["harnessId"] != made["harnessId"]


async def gone(aws, harness):
    """Waits until there is no such harness."""

    async def seen():
        harnesses = (await aws.call(aws.control.list_harnesses, maxResults=100))["harnesses"]
        return harness["harnessId"] not in [one["harnessId"] for one in harnesses]

    await until(seen)
    error = await aws.error(aws.control.get_harness, harnessId=harness["harnessId"])
    assert (code(error), status(error)) == ("ResourceNotFoundException", 404)


async def test_a_deletion_that_fails(aws):
    """DELETE_FAILED with a reason, and it may be tried again."""
    made = await aws.harness("demo", tags={"agentsup:delete": "failed"})
    await aws.call(aws.control.delete_harness, harnessId=made["harnessId"])
    failed = await aws.until("DELETE_FAILED", made["harnessId"])
    await aws.call(aws.control.untag_resource, resourceArn=made["arn"], tagKeys=["agentsup:delete"])
    await aws.call(aws.control.delete_harness, harnessId=made["harnessId"])

    assert "agentsup:delete" in failed["failureReason"]
    await gone(aws, made)


async def test_conflicts():
    """Whoever comes while something is under way hears 409: deleting or updating while CREATING, UPDATING, DELETING; a name twice."""
    async with planes(HarnessRules(creating=0.0, updating=60.0, deleting=60.0)) as aws:
        made = await aws.harness("demo")
        slow = await create(aws, "slow", tags={"agentsup:creating": "60"})
        refused = [
            await aws.error(aws.control.delete_harness, harnessId=slow["harnessId"]),
            await aws.error(aws.control.update_harness, harnessId=slow["harnessId"]),
            await aws.error(aws.control.create_harness, harnessName="slow", executionRoleArn=ROLE),
            await aws.error(aws.control.create_harness_endpoint, harnessId=slow["harnessId"], endpointName="one"),
        ]
        await aws.call(aws.control.update_harness, harnessId=made["harnessId"])
        refused += [
            await aws.error(aws.control.delete_harness, harnessId=made["harnessId"]),
            await aws.error(aws.control.update_harness, harnessId=made["harnessId"]),
        ]
        other = await aws.harness("other")
        await aws.call(aws.control.delete_harness, harnessId=other["harnessId"])
        refused += [
            await aws.error(aws.control.delete_harness, harnessId=other["harnessId"]),
            await aws.error(aws.control.update_harness, harnessId=other["harnessId"]),
        ]

    assert {(code(one), status(one)) for one in refused} == {("ConflictException", 409)}
    assert len(refused) == 8


async def test_delays_are_told():
    """Rules and tags decide how long each status lasts; without, 0.2 seconds."""
    assert HarnessRules() == HarnessRules(strict_resume=False, creating=0.2, updating=0.2, deleting=0.2)
    async with planes(HarnessRules(creating=0.0)) as aws:
        at_once = await create(aws)
        late = await create(aws, "late", tags={"agentsup:creating": "60"})

    assert (at_once["status"], late["status"]) == ("READY", "CREATING")


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 86_401.0, "1"])
def test_delays_that_make_no_sense(seconds):
    """Every one that is wrong is named, at the door."""
    with pytest.raises(agentsup.SpecError) as caught:
        HarnessRules(creating=seconds, deleting=seconds)

    assert [problem.path for problem in caught.value.problems] == ["creating", "deleting"]


async def test_client_tokens(aws):
    """The same token with the same parameters is the same creation; with others it is refused; elsewhere it means nothing."""
    token = str(uuid.uuid4())
    first = await create(aws, clientToken=token)
    again = await create(aws, clientToken=token)
    error = await aws.error(aws.control.create_harness, harnessName="other", executionRoleArn=ROLE, clientToken=token)
    await aws.until("READY", first["harnessId"])
    updates = [
        await aws.call(aws.control.update_harness, harnessId=first["harnessId"], clientToken=token, maxTokens=7)
        for _ in range(2)
    ]
    await aws.until("READY", first["harnessId"])
    versions = await aws.call(aws.control.list_harness_versions, harnessId=first["harnessId"])
    deletions = [
        await aws.call(aws.control.delete_harness, harnessId=first["harnessId"], clientToken=token) for _ in range(2)
    ]

    assert first == again
    assert (code(error), status(error)) == ("ValidationException", 400)
    assert error.response["reason"] == "IdempotentParameterMismatchException"
    assert [one["harness"]["harnessVersion"] for one in updates] == ["2", "2"]
    assert deletions[0] == deletions[1]
    assert len(versions["harnessVersions"]) == 2


async def test_a_refused_token_may_be_tried_again(aws):
    """What was refused is not remembered."""
    token = str(uuid.uuid4())
    error = await aws.error(
        aws.control.create_harness,
        harnessName="demo",
        executionRoleArn=ROLE,
        clientToken=token,
        tools=[INLINE, INLINE],
    )

    assert code(error) == "ValidationException"
    assert (await create(aws, clientToken=token))["status"] == "CREATING"


async def test_regions_do_not_know_each_other(aws):
    """A harness is in the region it was signed for, and its ARN says so; the same name elsewhere is another harness."""
    here = await create(aws)
    china = aws.client("control", region="cn-north-1")
    there = (await aws.call(china.create_harness, harnessName="demo", executionRoleArn=ROLE))["harness"]

    assert there["arn"].startswith("arn:aws-cn:bedrock-agentcore:cn-north-1:123456789012:harness/demo-")
    assert code(await aws.error(china.get_harness, harnessId=here["harnessId"])) == "ResourceNotFoundException"
    listed = await aws.call(china.list_harnesses)
    assert [one["harnessId"] for one in listed["harnesses"]] == [there["harnessId"]]


async def test_pages(aws):
    """The official paginators see every harness, version and endpoint exactly once, in order, however small the pages."""
    made = [(await create(aws, f"h{number}"))["harnessId"] for number in range(13)]
    harness = await aws.until("READY", made[0])
    names = [f"e{number}" for number in range(4)]
    for name in names:
        await aws.call(aws.control.create_harness_endpoint, harnessId=made[0], endpointName=name)
    for number in range(3):
        await aws.call(aws.control.update_harness, harnessId=harness["harnessId"], maxTokens=number + 1)
        await aws.until("READY", made[0])

    def walk(operation, key, size, **given):
        pages = aws.control.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **given)
        return [list(page[key]) for page in pages]

    harnesses = await trio.to_thread.run_sync(walk, "list_harnesses", "harnesses", 5)
    versions = await trio.to_thread.run_sync(
        lambda: walk("list_harness_versions", "harnessVersions", 1, harnessId=made[0])
    )
    endpoints = await trio.to_thread.run_sync(lambda: walk("list_harness_endpoints", "endpoints", 2, harnessId=made[0]))
    unasked = await aws.call(aws.control.list_harnesses)

    assert [[one["harnessId"] for one in page] for page in harnesses] == [made[:5], made[5:10], made[10:]]
    assert [one["harnessVersion"] for page in versions for one in page] == ["1", "2", "3", "4"]
    assert [one["endpointName"] for page in endpoints for one in page] == ["DEFAULT", *names]
    assert (len(unasked["harnesses"]), "nextToken" in unasked) == (10, True)


async def test_pages_stay_put_and_foreign_tokens_are_refused(aws):
    """What comes in between two pages neither repeats nor hides a row; a token of another list, or of nobody, is a 400."""
    made = [(await create(aws, f"h{number}"))["harnessId"] for number in range(3)]
    first = await aws.call(aws.control.list_harnesses, maxResults=2)
    made.append((await create(aws, "late"))["harnessId"])
    second = await aws.call(aws.control.list_harnesses, nextToken=first["nextToken"])
    china = aws.client("control", region="cn-north-1")

    assert [one["harnessId"] for one in first["harnesses"] + second["harnesses"]] == made
    assert "nextToken" not in second
    for client, token in ((china, first["nextToken"]), (aws.control, "page_x.y"), (aws.control, "é")):
        error = await aws.error(client.list_harnesses, nextToken=token)
        assert (code(error), fields(error)) == ("ValidationException", ["nextToken"])


async def test_endpoints(aws):
    """Every harness has DEFAULT, which follows the newest version; others point where they are told, and have a life of their own."""
    harness = await aws.harness("demo")
    key = {"harnessId": harness["harnessId"]}
    made = await aws.call(
        aws.control.create_harness_endpoint, **key, endpointName="stable", description="tested", tags={"a": "b"}
    )
    stable = await endpoint(aws, harness, "stable", "READY")
    await aws.call(aws.control.update_harness, **key, maxTokens=5)
    await aws.until("READY", harness["harnessId"])
    default = await endpoint(aws, harness, "DEFAULT", "READY")
    moving = await aws.call(aws.control.update_harness_endpoint, **key, endpointName="stable", targetVersion="2")
    moved = await endpoint(aws, harness, "stable", "READY")
    leaving = await aws.call(aws.control.delete_harness_endpoint, **key, endpointName="stable")

    assert (made["endpoint"]["status"], "liveVersion" in made["endpoint"]) == ("CREATING", False)
    assert made["endpoint"]["arn"] == f"{harness['arn']}/harness-endpoint/stable"
    assert (stable["liveVersion"], stable["targetVersion"], stable["description"]) == ("1", "1", "tested")
    assert (default["liveVersion"], default["targetVersion"]) == ("2", "2")
    assert moving["endpoint"]["status"] == "UPDATING"
    assert (moving["endpoint"]["liveVersion"], moving["endpoint"]["targetVersion"]) == ("1", "2")
    assert (moved["liveVersion"], moved["description"]) == ("2", "tested")
    assert leaving["endpoint"]["status"] == "DELETING"

    async def only_default():
        listed = await aws.call(aws.control.list_harness_endpoints, **key)
        return [one["endpointName"] for one in listed["endpoints"]] == ["DEFAULT"]

    await until(only_default)
    error = await aws.error(aws.control.get_harness_endpoint, **key, endpointName="stable")
    assert (code(error), status(error)) == ("ResourceNotFoundException", 404)


async def endpoint(aws, harness, name, wanted):
    """The endpoint as soon as it has that status."""

    async def seen():
        found = await aws.call(aws.control.get_harness_endpoint, harnessId=harness["harnessId"], endpointName=name)
        return found["endpoint"] if found["endpoint"]["status"] == wanted else None

    return await until(seen)


async def test_endpoints_that_fail_or_cannot_be(aws):
    """A tag makes one fail; DEFAULT cannot be made, moved or removed; an unknown version is a 404; a name twice is a 409."""
    harness = await aws.harness("demo")
    key = {"harnessId": harness["harnessId"]}
    await aws.call(aws.control.create_harness_endpoint, **key, endpointName="bad", tags={"agentsup:create": "failed"})
    failed = await endpoint(aws, harness, "bad", "CREATE_FAILED")
    refused = [
        await aws.error(aws.control.create_harness_endpoint, **key, endpointName="bad"),
        await aws.error(aws.control.create_harness_endpoint, **key, endpointName="DEFAULT"),
        await aws.error(aws.control.delete_harness_endpoint, **key, endpointName="DEFAULT"),
        await aws.error(aws.control.update_harness_endpoint, **key, endpointName="bad"),
    ]
    unknown = await aws.error(aws.control.create_harness_endpoint, **key, endpointName="new", targetVersion="9")

    assert "agentsup:create" in failed["failureReason"]
    assert {code(one) for one in refused} == {"ConflictException"}
    assert code(unknown) == "ResourceNotFoundException"
    await aws.call(aws.control.create_harness_endpoint, **key, endpointName="slow", tags={"agentsup:creating": "60"})
    early = await aws.error(aws.control.delete_harness_endpoint, **key, endpointName="slow")
    await aws.call(aws.control.update_harness, **key, maxTokens=5)
    await aws.until("READY", harness["harnessId"])
    back = await aws.error(aws.control.update_harness_endpoint, **key, endpointName="DEFAULT", targetVersion="1")
    assert (code(early), code(back)) == ("ConflictException", "ConflictException")


async def test_tags(aws):
    """Tags of a harness and of an endpoint: listed, added, removed; of nothing, 404."""
    harness = await aws.harness("demo", tags={"a": "1"})
    await aws.call(aws.control.tag_resource, resourceArn=harness["arn"], tags={"b": "2"})
    await aws.call(aws.control.untag_resource, resourceArn=harness["arn"], tagKeys=["a", "nothing"])
    listed = await aws.call(aws.control.list_tags_for_resource, resourceArn=harness["arn"])
    default = f"{harness['arn']}/harness-endpoint/DEFAULT"
    await aws.call(aws.control.tag_resource, resourceArn=default, tags={"c": "3"})
    error = await aws.error(aws.control.list_tags_for_resource, resourceArn=harness["arn"] + "X")
    too_many = await aws.error(
        aws.control.tag_resource, resourceArn=harness["arn"], tags={f"k{number}": "" for number in range(50)}
    )

    elsewhere = {
        harness["environment"]["agentCoreRuntimeEnvironment"]["agentRuntimeArn"]: "ResourceNotFoundException",
        harness["arn"] + "/harness-endpoint/nobody": "ResourceNotFoundException",
        harness["arn"].replace("us-east-1", "eu-west-1"): "AccessDeniedException",
    }
    for arn, expected in elsewhere.items():
        assert code(await aws.error(aws.control.list_tags_for_resource, resourceArn=arn)) == expected
    assert listed["tags"] == {"b": "2"}
    assert (await aws.call(aws.control.list_tags_for_resource, resourceArn=default))["tags"] == {"c": "3"}
    assert code(error) == "ResourceNotFoundException"
    assert (code(too_many), status(too_many)) == ("ServiceQuotaExceededException", 402)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"harnessName": "has-hyphen"}, ["harnessName"]),
        ({"harnessName": "x" * 41, "executionRoleArn": "nobody"}, ["harnessName", "executionRoleArn"]),
        ({"systemPrompt": [{"text": "x"}], "allowedTools": ["a", "x" * 60 + "/" + "y" * 60]}, ["allowedTools.2.member"]),
        ({"model": {"bedrockModelConfig": {"modelId": "m", "apiFormat": "morse"}}}, ["model.bedrockModelConfig.apiFormat"]),
        ({"model": {"openAiModelConfig": {"modelId": "m", "apiKeyArn": "x"}}}, ["model.openAiModelConfig.apiKeyArn"]),
        ({"tools": [{"type": "inline_function", "name": "a"}]}, ["tools.1.member.config"]),
        ({"tools": [INLINE, {**INLINE, "name": "shell"}]}, ["tools.2.member.name"]),
        ({"tools": [INLINE, INLINE]}, ["tools.2.member.name"]),
        ({"tools": [{**INLINE, "type": "remote_mcp"}]}, ["tools.1.member.config"]),
        ({"truncation": {"strategy": "forget"}}, ["truncation.strategy"]),
        ({"timeoutSeconds": 0}, ["timeoutSeconds"]),
        ({"skills": [{"git": {"url": "https://x/y#z"}}]}, ["skills.1.member.git.url"]),
        ({"tags": {"*": "x"}}, ["tags"]),
    ],
)  # fmt: skip
async def test_invalid_definitions(aws, given, named):
    """A 400 that names every field, in AWS's sentence; nothing was made."""
    error = await aws.error(aws.control.create_harness, **{"harnessName": "demo", "executionRoleArn": ROLE, **given})

    assert (code(error), status(error)) == ("ValidationException", 400)
    assert error.response["reason"] == "FieldValidationFailed"
    assert fields(error) == named
    assert f"{len(named)} validation error" in error.response["Error"]["Message"]
    assert (await aws.call(aws.control.list_harnesses))["harnesses"] == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"tools": [{**INLINE, "name": None}]}, ["tools.1.member.name"]),
        (
            {"tools": [{**INLINE, "config": {"inlineFunction": {"description": "d", "inputSchema": ["x"]}}}]},
            ["tools.1.member.config.inlineFunction.inputSchema"],
        ),
        (
            {"environment": {"agentCoreRuntimeEnvironment": {"networkConfiguration": {"networkMode": "VPC"}}}},
            ["environment.agentCoreRuntimeEnvironment.networkConfiguration.networkModeConfig"],
        ),
    ],
)
async def test_parts_that_do_not_fit_together(aws, given, named):
    """What the model allows and makes no sense; an inline function has a name and a schema, a VPC its subnets."""
    tools = given.get("tools", [])
    kept = {**given, "tools": [{k: v for k, v in tool.items() if v is not None} for tool in tools]}
    error = await aws.error(aws.control.create_harness, harnessName="demo", executionRoleArn=ROLE, **kept)

    assert (code(error), fields(error)) == ("ValidationException", named)


async def test_numbers_come_back_as_they_were(aws):
    """A model's settings, whole and broken numbers, documents of any shape, through create, get and update."""
    model = {
        "bedrockModelConfig": {"modelId": "m", "temperature": 0.25, "topP": 1, "additionalParams": {"k": [1.5, None]}}
    }
    made = await aws.harness("demo", model=model)

    assert made["model"] == model


async def test_life_times_of_a_harness_are_shorter_than_the_model_says(aws):
    """28,800 seconds at most, and idle not longer than the whole."""

    def environment(**lifecycle):
        return {"agentCoreRuntimeEnvironment": {"lifecycleConfiguration": lifecycle}}

    long = await aws.error(
        aws.control.create_harness, harnessName="a", executionRoleArn=ROLE, environment=environment(maxLifetime=28801)
    )
    idle = await aws.error(
        aws.control.create_harness,
        harnessName="a",
        executionRoleArn=ROLE,
        environment=environment(maxLifetime=100, idleRuntimeSessionTimeout=101),
    )

    path = "environment.agentCoreRuntimeEnvironment.lifecycleConfiguration"
    assert fields(long) == [f"{path}.maxLifetime"]
    assert fields(idle) == [f"{path}.idleRuntimeSessionTimeout"]


@pytest.mark.parametrize("call", ["get_harness", "update_harness", "delete_harness", "list_harness_versions",
                                  "list_harness_endpoints"])  # fmt: skip
async def test_unknown_harnesses(aws, call):
    """404 for an id nobody has, 400 for one that is none."""
    made = await aws.harness()
    version = await aws.error(aws.control.get_harness, harnessId=made["harnessId"], harnessVersion="2")
    unknown = await aws.error(getattr(aws.control, call), harnessId="nobody-0123456789")
    malformed = await aws.error(getattr(aws.control, call), harnessId="nobody")

    assert code(version) == "ResourceNotFoundException"
    assert (code(unknown), status(unknown)) == ("ResourceNotFoundException", 404)
    assert (code(malformed), fields(malformed)) == ("ValidationException", ["harnessId"])
