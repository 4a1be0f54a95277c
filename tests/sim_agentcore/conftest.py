"""A served simulator and botocore's clients for every test that asks for `aws`."""

from __future__ import annotations

import pytest

from .peer import planes


@pytest.fixture
async def aws():
    async with planes() as both:
        yield both
