"""The harness the demo makes for itself."""

from __future__ import annotations

import pytest

from agentsup import agentcore
from agentsup.demo.harness import KEYS, REGION, made_harness
from agentsup.demo.simulator import simulator_process


@pytest.fixture
async def address():
    async with simulator_process() as address:
        yield address


async def names(address):
    async with agentcore.Client(REGION, KEYS, address) as client:
        return [harness.harness_name async for harness in client.harnesses.list()]


async def test_made_and_gone(address, reader):
    """It is there with the tools for as long as the block lasts, however that ends."""
    with pytest.raises(KeyError):
        async with made_harness(address, reader.tools()) as provider:
            there = await names(address)
            async with agentcore.Client(REGION, KEYS, address) as client:
                harness = await client.harnesses.get(provider.harness.harness_id)
            raise KeyError

    assert there == [provider.harness.name]
    assert [tool["name"] for tool in harness.raw["tools"]] == ["list_files", "read_file", "count_lines", "search"]
    assert await names(address) == []


async def test_gone_already(address, reader):
    """Somebody else has deleted it: that is what was wanted."""
    async with made_harness(address, reader.tools()) as provider, agentcore.Client(REGION, KEYS, address) as client:
        await client.harnesses.delete(provider.harness.harness_id)

    assert await names(address) == []
