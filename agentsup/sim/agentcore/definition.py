"""What a harness is defined by: the shapes that both planes share, member for member those of the service's model.

A test walks botocore's model beside this file; where the service publishes a new member, it names what is missing here.
"""

from __future__ import annotations

from .shapes import Boolean, Document, Integer, ListOf, MapOf, Number, Shape, Structure, Text, Union

_UNIT = Structure({})
_ANY = Text()
_SENSITIVE = Text(least=1)
"""Prompts, and all else that a person or a model says: at least one character."""

_SUBNET = Text(pattern=r"subnet-[0-9a-zA-Z]{8,17}")
_MOUNT_PATH = Text(least=6, most=200, pattern=r"/mnt/[a-zA-Z0-9._-]+/?")
_API_KEY_ARN = Text(
    pattern=r"arn:aws:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+/apikeycredentialprovider/[a-zA-Z0-9-.]+"
)
_MEMORY_ARN = Text(
    pattern=r"arn:aws:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:memory\/[a-zA-Z][a-zA-Z0-9-_]{0,99}-[a-zA-Z0-9]{10}"
)

TOOL_NAME = Text(least=1, most=64, pattern=r"[a-zA-Z0-9_-]+")

ROLE_ARN = Text(least=1, most=2048, pattern=r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+")

TAGS = MapOf(
    Text(least=1, most=128, pattern=r"[a-zA-Z0-9\s._:/=+@-]*"),
    Text(least=0, most=256, pattern=r"[a-zA-Z0-9\s._:/=+@-]*"),
    least=0,
    most=50,
)

# Where it runs

_LIFECYCLE = Structure(
    {
        "idleRuntimeSessionTimeout": Integer(60, 1209600),
        "maxLifetime": Integer(60, 1209600),
    }
)

_NETWORK = Structure(
    {
        "networkMode": Text(enum=("PUBLIC", "VPC")),
        "networkModeConfig": Structure(
            {
                "securityGroups": ListOf(Text(pattern=r"sg-[0-9a-zA-Z]{8,17}"), 1, 16),
                "subnets": ListOf(_SUBNET, 1, 16),
                "requireServiceS3Endpoint": Boolean(),
            },
            ("securityGroups", "subnets"),
        ),
    },
    ("networkMode",),
)

_FILESYSTEMS = ListOf(
    Union(
        {
            "sessionStorage": Structure({"mountPath": _MOUNT_PATH}, ("mountPath",)),
            "s3FilesAccessPoint": Structure(
                {
                    "accessPointArn": Text(
                        0,
                        256,
                        r"arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}",
                    ),
                    "mountPath": _MOUNT_PATH,
                },
                ("accessPointArn", "mountPath"),
            ),
            "efsAccessPoint": Structure(
                {
                    "accessPointArn": Text(
                        0, 128, r"arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:access-point/fsap-[0-9a-f]{8,40}"
                    ),
                    "mountPath": _MOUNT_PATH,
                },
                ("accessPointArn", "mountPath"),
            ),
            "capacityProviderVolume": Structure(
                {"volumeName": Text(1, 48, r"[a-zA-Z][a-zA-Z0-9_-]{0,47}"), "mountPath": _MOUNT_PATH},
                ("volumeName", "mountPath"),
            ),
            "s3BucketMount": Structure(
                {
                    "bucket": Text(3, 63),
                    "mountPath": _MOUNT_PATH,
                    "prefix": Text(1, 1024, r"[a-zA-Z0-9{][a-zA-Z0-9!_.*'()/{}-]*"),
                    "s3BucketOwner": Text(pattern=r"[0-9]{12}"),
                    "s3BucketRegion": Text(1, 32, r"([a-z]+-){2,3}\d+"),
                },
                ("bucket", "mountPath"),
            ),
        }
    ),
    0,
    5,
)

ENVIRONMENT = Union(
    {
        "agentCoreRuntimeEnvironment": Structure(
            {
                "lifecycleConfiguration": _LIFECYCLE,
                "networkConfiguration": _NETWORK,
                "filesystemConfigurations": _FILESYSTEMS,
            }
        )
    }
)

ENVIRONMENT_ARTIFACT = Union(
    {
        "containerConfiguration": Structure(
            {
                "containerUri": Text(
                    1,
                    1024,
                    r"(([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?|public\.ecr\.aws)"
                    r"/((?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*)(?::([^:@]{1,300}))?(?:@(.+))?",
                )
            },
            ("containerUri",),
        )
    }
)

ENVIRONMENT_VARIABLES = MapOf(Text(1, 100), Text(0, 5000), 0, 50)

# Who may call it

_PRIVATE_ENDPOINT = Union(
    {
        "selfManagedLatticeResource": Union(
            {
                "resourceConfigurationIdentifier": Text(
                    20,
                    2048,
                    r"((rcfg-[0-9a-z]{17})|(arn:[a-z0-9\-]+:vpc-lattice:[a-zA-Z0-9\-]+:\d{12}:resourceconfiguration/rcfg-[0-9a-z]{17}))",
                )
            }
        ),
        "managedVpcResource": Structure(
            {
                "vpcIdentifier": Text(pattern=r"vpc-(([0-9a-z]{8})|([0-9a-z]{17}))"),
                "subnetIds": ListOf(_SUBNET),
                "endpointIpAddressType": Text(enum=("IPV4", "IPV6")),
                "securityGroupIds": ListOf(Text(pattern=r"sg-(([0-9a-z]{8})|([0-9a-z]{17}))"), 0, 5),
                "tags": TAGS,
                "routingDomain": Text(3, 255),
            },
            ("vpcIdentifier", "subnetIds", "endpointIpAddressType"),
        ),
    }
)

_MATCHED = Text(1, 255, r"[A-Za-z0-9_.-]+")
_SCOPE = Text(1, 255, r"[\x21\x23-\x5B\x5D-\x7E]+")

AUTHORIZER = Union(
    {
        "customJWTAuthorizer": Structure(
            {
                "discoveryUrl": Text(
                    pattern=r"[^\s?#]+/\.well-known/(openid-configuration|oauth-authorization-server)(/[^\s?#]+)?"
                ),
                "allowedAudience": ListOf(_ANY, 1),
                "allowedClients": ListOf(_ANY, 1),
                "allowedScopes": ListOf(_SCOPE, 1),
                "advertisedScopeMapping": MapOf(_SCOPE, _SCOPE, 1, 50),
                "customClaims": ListOf(
                    Structure(
                        {
                            "inboundTokenClaimName": Text(1, 255, r"[A-Za-z0-9_.-:]+"),
                            "inboundTokenClaimValueType": Text(enum=("STRING", "STRING_ARRAY")),
                            "authorizingClaimMatchValue": Structure(
                                {
                                    "claimMatchValue": Union(
                                        {"matchValueString": _MATCHED, "matchValueStringList": ListOf(_MATCHED, 1)}
                                    ),
                                    "claimMatchOperator": Text(enum=("EQUALS", "CONTAINS", "CONTAINS_ANY")),
                                },
                                ("claimMatchValue", "claimMatchOperator"),
                            ),
                        },
                        ("inboundTokenClaimName", "inboundTokenClaimValueType", "authorizingClaimMatchValue"),
                    ),
                    1,
                ),
                "privateEndpoint": _PRIVATE_ENDPOINT,
                "privateEndpointOverrides": ListOf(
                    Structure(
                        {"domain": Text(1, 253), "privateEndpoint": _PRIVATE_ENDPOINT}, ("domain", "privateEndpoint")
                    ),
                    0,
                    5,
                ),
                "certificateConfigurations": ListOf(
                    Union(
                        {
                            "s3": Structure(
                                {
                                    "uri": Text(pattern=r"s3://.{1,2043}"),
                                    "bucketOwnerAccountId": Text(pattern=r"[0-9]{12}"),
                                },
                                ("uri",),
                            ),
                            "secretsManager": Structure(
                                {
                                    "secretArn": Text(
                                        pattern=r"arn:aws(-[^:]+)?:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+"
                                    )
                                },
                                ("secretArn",),
                            ),
                        }
                    ),
                    1,
                    1,
                ),
                "allowedWorkloadConfiguration": Structure(
                    {
                        "hostingEnvironments": ListOf(Structure({"arn": Text(20, 1011)}, ("arn",)), 1, 10),
                        "workloadIdentities": ListOf(Text(3, 255, r"[A-Za-z0-9_.-]+"), 1, 10),
                    }
                ),
            },
            ("discoveryUrl",),
        )
    }
)

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
