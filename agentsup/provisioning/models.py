"""Model ids as providers know them: without the prefix by which other libraries tell providers apart. Pure."""

from __future__ import annotations

import re

_PREFIX = re.compile(
    r"(?:anthropic|claude|bedrock|amazon[-_]bedrock|aws[-_]bedrock|bedrock[-_]converse|openai|azure|gemini|google|google[-_]gla|vertex[-_]ai"
    r"|google[-_]vertex)\s*[:/]\s*(?=\S)",
    re.IGNORECASE,
)
"""Only prefixes that are known: the colon in `amazon.nova-pro-v1:0` and the slashes of an ARN belong to the id."""


def bare_model(model: str) -> str:
    """The id alone: `anthropic:claude-x` and `anthropic/claude-x` are `claude-x`. What has no known prefix stays as it is."""
    bare = model.strip()
    while found := _PREFIX.match(bare):
        bare = bare[found.end() :]
    return bare
