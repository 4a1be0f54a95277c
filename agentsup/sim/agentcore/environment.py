"""Where a harness runs, and who may call it: the first half of what it is defined by, as the service's model has it."""

from __future__ import annotations

from .shapes import Boolean, Integer, ListOf, MapOf, Structure, Text, Union

_ANY = Text()
_SUBNET = Text(pattern=r"subnet-[0-9a-zA-Z]{8,17}")
_MOUNT_PATH = Text(least=6, most=200, pattern=r"/mnt/[a-zA-Z0-9._-]+/?")

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
