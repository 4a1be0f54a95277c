"""What a harness thinks with, can do and remembers: the shapes that both planes share, member for member those of the service's model.

A test walks botocore's model beside this file; where the service publishes a new member, it names what is missing here.
"""

from __future__ import annotations

from .shapes import Document, Integer, ListOf, MapOf, Number, Shape, Structure, Text, Union

_UNIT = Structure({})
_ANY = Text()
_SENSITIVE = Text(least=1)
"""Prompts, and all else that a person or a model says: at least one character."""

_API_KEY_ARN = Text(
    pattern=r"arn:aws:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+/apikeycredentialprovider/[a-zA-Z0-9-.]+"
)
_MEMORY_ARN = Text(
    pattern=r"arn:aws:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:memory\/[a-zA-Z][a-zA-Z0-9-_]{0,99}-[a-zA-Z0-9]{10}"
)

TOOL_NAME = Text(least=1, most=64, pattern=r"[a-zA-Z0-9_-]+")


# What thinks

_MODEL: dict[str, Shape] = {
    "modelId": _ANY,
    "maxTokens": Integer(1),
    "temperature": Number(0.0, 2.0),
    "topP": Number(0.0, 1.0),
    "additionalParams": Document(),
}
_API_BASE = Text(1, 16383)

MODEL = Union(
    {
        "bedrockModelConfig": Structure(
            {**_MODEL, "apiFormat": Text(enum=("converse_stream", "responses", "chat_completions"))}, ("modelId",)
        ),
        "openAiModelConfig": Structure(
            {
                **_MODEL,
                "apiKeyArn": _API_KEY_ARN,
                "apiBase": _API_BASE,
                "apiFormat": Text(enum=("chat_completions", "responses")),
            },
            ("modelId", "apiKeyArn"),
        ),
        "geminiModelConfig": Structure(
            {**_MODEL, "apiKeyArn": _API_KEY_ARN, "topK": Integer(0, 500)}, ("modelId", "apiKeyArn")
        ),
        "liteLlmModelConfig": Structure({**_MODEL, "apiKeyArn": _API_KEY_ARN, "apiBase": _API_BASE}, ("modelId",)),
    }
)

SYSTEM_PROMPT = ListOf(Union({"text": _SENSITIVE}))

# What it can do

_OAUTH = Structure(
    {
        "providerArn": Text(pattern=r"arn:([^:]*):([^:]*):([^:]*):([0-9]{12})?:(.+)"),
        "scopes": ListOf(Text(1, 64), 0, 100),
        "customParameters": MapOf(Text(1, 256), Text(1, 2048), 1, 10),
        "grantType": Text(enum=("CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "TOKEN_EXCHANGE")),
        "defaultReturnUrl": Text(1, 2048, r"\w+:(\/?\/?)[^\s]+"),
    },
    ("providerArn", "scopes"),
)

TOOL_CONFIG_OF_TYPE = {
    "remote_mcp": "remoteMcp",
    "agentcore_browser": "agentCoreBrowser",
    "agentcore_gateway": "agentCoreGateway",
    "inline_function": "inlineFunction",
    "agentcore_code_interpreter": "agentCoreCodeInterpreter",
}

TOOLS = ListOf(
    Structure(
        {
            "type": Text(enum=tuple(TOOL_CONFIG_OF_TYPE)),
            "name": TOOL_NAME,
            "config": Union(
                {
                    "remoteMcp": Structure(
                        {
                            "url": Text(1, 16383),
                            "headers": MapOf(Text(1, 16383), Text(1, 16383)),
                            "outboundAuth": Union(
                                {
                                    "awsIam": Structure(
                                        {
                                            "service": Text(1, 64, r"[a-zA-Z0-9._-]+"),
                                            "region": Text(1, 32, r"[a-zA-Z0-9-]+"),
                                        },
                                        ("service",),
                                    ),
                                    "none": _UNIT,
                                }
                            ),
                        },
                        ("url",),
                    ),
                    "agentCoreBrowser": Structure(
                        {
                            "browserArn": Text(
                                pattern=r"arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:(aws|[0-9]{12}):browser(-custom)?/(aws\.browser\.v1|[a-zA-Z][a-zA-Z0-9_]{0,47}-[a-zA-Z0-9]{10})"
                            )
                        }
                    ),
                    "agentCoreGateway": Structure(
                        {
                            "gatewayArn": Text(
                                pattern=r"arn:aws(|-cn|-us-gov):bedrock-agentcore:[a-z0-9-]{1,20}:[0-9]{12}:gateway/([0-9a-z][-]?){1,48}-[a-z0-9]{10}"
                            ),
                            "outboundAuth": Union({"awsIam": _UNIT, "none": _UNIT, "oauth": _OAUTH}),
                        },
                        ("gatewayArn",),
                    ),
                    "inlineFunction": Structure(
                        {"description": Text(1, 4096), "inputSchema": Document()}, ("description", "inputSchema")
                    ),
                    "agentCoreCodeInterpreter": Structure(
                        {
                            "codeInterpreterArn": Text(
                                pattern=r"arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:(aws|[0-9]{12}):code-interpreter(-custom)?/(aws\.codeinterpreter\.v1|[a-zA-Z][a-zA-Z0-9_]{0,47}-[a-zA-Z0-9]{10})"
                            )
                        }
                    ),
                }
            ),
        },
        ("type",),
    )
)

SKILLS = ListOf(
    Union(
        {
            "path": Text(1, 4096),
            "s3": Structure({"uri": Text(5, 16383, r"s3://.*")}, ("uri",)),
            "git": Structure(
                {
                    "url": Text(8, 16383, r"https://[^#@]+"),
                    "path": _ANY,
                    "auth": Structure({"credentialArn": _API_KEY_ARN, "username": _ANY}, ("credentialArn",)),
                },
                ("url",),
            ),
            "awsSkills": Structure({"paths": ListOf(Text(1, 4096, r"([^*?\[\]]|\*)+"))}),
        }
    )
)

ALLOWED_TOOLS = ListOf(Text(1, 64, r"(\*|@?[^/]+(/[^/]+)?)"))

# What it remembers

MEMORY = Union(
    {
        "agentCoreMemoryConfiguration": Structure(
            {
                "arn": _MEMORY_ARN,
                "actorId": _ANY,
                "messagesCount": Integer(),
                "retrievalConfig": MapOf(
                    _ANY, Structure({"topK": Integer(), "relevanceScore": Number(), "strategyId": _ANY})
                ),
            },
            ("arn",),
        ),
        "managedMemoryConfiguration": Structure(
            {
                "arn": _MEMORY_ARN,
                "strategies": ListOf(Text(enum=("SEMANTIC", "SUMMARIZATION", "USER_PREFERENCE", "EPISODIC")), 1, 4),
                "eventExpiryDuration": Integer(3, 365),
                "encryptionKeyArn": Text(
                    1, 2048, r"arn:aws(|-cn|-us-gov):kms:[a-zA-Z0-9-]*:[0-9]{12}:key/[a-zA-Z0-9-]{36}"
                ),
            }
        ),
        "disabled": _UNIT,
    }
)

TRUNCATION = Structure(
    {
        "strategy": Text(enum=("sliding_window", "summarization", "none")),
        "config": Union(
            {
                "slidingWindow": Structure({"messagesCount": Integer()}),
                "summarization": Structure(
                    {"summaryRatio": Number(), "preserveRecentMessages": Integer(), "summarizationSystemPrompt": _ANY}
                ),
            }
        ),
    },
    ("strategy",),
)

# Who looks on

_HOOK = Structure(
    {
        "name": Text(1, 64, r"[a-zA-Z0-9_-]+"),
        "target": Union(
            {
                "lambda": Structure(
                    {
                        "arn": Text(20, 2048, r"arn:aws(-[^:]+)?:lambda:[a-z0-9-]+:[0-9]{12}:function:.+"),
                        "timeoutSeconds": Integer(1, 900),
                        "failureMode": Text(enum=("allow", "deny")),
                    },
                    ("arn",),
                ),
                "sns": Structure({"arn": Text(20, 2048, r"arn:aws(-[^:]+)?:sns:[a-z0-9-]+:[0-9]{12}:.+")}, ("arn",)),
                "eventBridge": Structure(
                    {"arn": Text(20, 2048, r"arn:aws(-[^:]+)?:events:[a-z0-9-]+:[0-9]{12}:event-bus/.+")}, ("arn",)
                ),
            }
        ),
    },
    ("name", "target"),
)

HOOKS = ListOf(
    Union({"beforeInvocation": _HOOK, "afterInvocation": _HOOK, "beforeToolCall": _HOOK, "afterToolCall": _HOOK}), 0, 20
)
