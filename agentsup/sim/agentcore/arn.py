"""The names AWS gives to things: ARNs, written and taken apart. Pure."""

from __future__ import annotations

import re

import attrs

ACCOUNT = "123456789012"
"""The one account there is."""

_ARN = re.compile(
    r"arn:[^:]*:bedrock-agentcore:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12})"
    r":(?P<kind>harness|runtime)/(?P<id>[^/]+)(?:/harness-endpoint/(?P<endpoint>[^/]+))?"
)


def partition(region: str) -> str:
    """The part of AWS a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def arn_of(region: str, kind: str, name: str, account: str = ACCOUNT) -> str:
    """The ARN of something, such as `harness` and its id."""
    return f"arn:{partition(region)}:bedrock-agentcore:{region}:{account}:{kind}/{name}"


@attrs.frozen
class Arn:
    """What an ARN says."""

    region: str
    account: str
    kind: str
    """`harness` or `runtime`."""
    id: str
    endpoint: str | None = None

    @classmethod
    def read(cls, text: str) -> Arn | None:
        """The ARN, None for anything else."""
        found = _ARN.fullmatch(text)
        return None if found is None else cls(**found.groupdict())
