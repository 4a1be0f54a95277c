"""Who may knock: the two keys the simulator knows, and the region each request is signed for."""

from __future__ import annotations

import datetime

from agentsup.sim.exchange import Request

from .sigv4 import ALGORITHM, Key, Signed, verify

_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # noqa: S105 - the example of AWS's own documentation

KEYS = {
    "AKIDEXAMPLE": Key(_SECRET),
    "ASIAEXAMPLE": Key(_SECRET, token="agentsup-session-token", expired_token="agentsup-expired-token"),  # noqa: S106 - published
}


def check_signature(request: Request) -> None:
    """Lets a request pass whose signature holds, by the wall clock: that is what clients sign with, under a test clock as well.

    Raises:
        AwsRefused: 403 with AWS's code for what is wrong.
    """
    signed = Signed(request.method, request.raw_path, request.raw_query, request.headers, request.body)
    verify(signed, KEYS, datetime.datetime.now(datetime.UTC))  # noqa: TID251 - the one place where the outside's clock counts


def region_of(request: Request) -> str:
    """The region a request that passed the gate is signed for."""
    return request.header("authorization").partition("Credential=")[2].split("/")[2]


def is_signed(request: Request) -> bool:
    """Whether the request says it is signed the AWS way, so that it is answered the AWS way."""
    return request.header("authorization").startswith(ALGORITHM)
