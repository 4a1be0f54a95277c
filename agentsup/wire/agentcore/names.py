"""AgentCore's names and ids: what they look like, and what is wrong with one that does not.

Source: the service models, as told in this project's reference notes.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

SESSION_ID: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{32,99}")
"""A runtime session id: 33 to 100 characters. A bare 32-digit UUID is one too short."""

HARNESS_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,39}")
HARNESS_ID: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,39}-[a-zA-Z0-9]{10}")
ENDPOINT_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,47}")
REGION: Final = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}")

_ARN: Final = re.compile(
    rf"arn:(aws[a-z-]*):bedrock-agentcore:({REGION.pattern}):(\d{{12}}):harness/({HARNESS_ID.pattern})"
)


@attrs.frozen
class HarnessArn:
    """A harness's ARN, taken apart."""

    arn: str
    region: str
    account: str
    harness_id: str


def parse_arn(text: str) -> HarnessArn | None:
    """The parts of a harness's ARN; None if it is not one."""
    found = _ARN.fullmatch(text)
    if found is None:
        return None
    return HarnessArn(text, region=found[2], account=found[3], harness_id=found[4])


def session_id_problem(value: object) -> str | None:
    """Why this cannot be a runtime session id; None if it can."""
    if isinstance(value, str) and SESSION_ID.fullmatch(value):
        return None
    length = f" of {len(value)}" if isinstance(value, str) else f", not {type(value).__name__}"
    return f"must be 33 to 100 letters, digits, '-' and '_', the first a letter or digit; this is text{length}"


def data_host(region: str) -> str:
    """Where harnesses are invoked."""
    return f"https://bedrock-agentcore.{region}.amazonaws.com{_suffix(region)}"


def control_host(region: str) -> str:
    """Where harnesses are made and kept."""
    return f"https://bedrock-agentcore-control.{region}.amazonaws.com{_suffix(region)}"


def _suffix(region: str) -> str:
    return ".cn" if region.startswith("cn-") else ""
