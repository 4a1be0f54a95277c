"""AWS's formats: our event-stream decoder and our signer beside botocore's, on the same frames and the same request."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from botocore.eventstream import EventStreamBuffer

from agentsup.providers.aws.credentials import Credentials
from agentsup.providers.aws.signing import Signer
from agentsup.providers.aws.target import target
from agentsup.wire.eventstream import FrameDecoder, encode_frame
from tests.bench.rows import Row

READ = 16 * 1024
"""Bytes a socket gives at once."""

FRAMES = 4000
SIGNATURES = 1000
ROUNDS = 15

HEADERS = {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"}
ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/desk-abcdefghij"
BODY = b'{"messages":[{"role":"user","content":[{"text":"Where is my order?"}]}]}'
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token" * 60


def reads(payload_size: int) -> list[bytes]:
    """A stream of deltas as it is read; the payloads differ in length by up to a tenth to either side."""
    spread = payload_size // 10
    sizes = [payload_size - spread + (number * 7) % (2 * spread) for number in range(40)]
    stream = b"".join(encode_frame(HEADERS, b"x" * size) for size in sizes)
    return [stream[at : at + READ] for at in range(0, len(stream), READ)] * (FRAMES // 40)


def decode_ours(pieces: list[bytes]) -> int:
    """Frames in the stream."""
    decoder, count = FrameDecoder(), 0
    next_frame = decoder.next_frame
    for piece in pieces:
        decoder.feed(piece)
        while next_frame() is not None:
            count += 1
    return count


def decode_theirs(pieces: list[bytes]) -> int:
    """The same with botocore."""
    buffer, count = EventStreamBuffer(), 0
    for piece in pieces:
        buffer.add_data(piece)
        for _ in buffer:
            count += 1
    return count


def sign_ours() -> None:
    """An invoke, signed, from its parts to its headers."""
    signer = Signer(region="us-east-1", service="bedrock-agentcore")
    keys = Credentials(access_key_id=KEY, secret_access_key=SECRET, session_token=TOKEN)
    for _ in range(SIGNATURES):
        where = target(
            "https://bedrock-agentcore.us-east-1.amazonaws.com", ("harnesses", "invoke"), (("harnessArn", ARN),)
        )
        signer.sign("POST", where, BODY, keys)


def sign_theirs() -> None:
    """The same with botocore's signer, which needs a request object."""
    keys = botocore.credentials.Credentials(KEY, SECRET, TOKEN)
    signer = botocore.auth.SigV4Auth(keys, "bedrock-agentcore", "us-east-1")
    url = target(
        "https://bedrock-agentcore.us-east-1.amazonaws.com", ("harnesses", "invoke"), (("harnessArn", ARN),)
    ).url
    for _ in range(SIGNATURES):
        signer.add_auth(botocore.awsrequest.AWSRequest(method="POST", url=url, data=BODY))


def bare_package() -> None:
    """The package by itself, on a request that is ready: what our wrapper adds to."""
    from aws_requests_auth.aws_auth import AWSRequestsAuth

    auth = AWSRequestsAuth(
        KEY, SECRET, "bedrock-agentcore.us-east-1.amazonaws.com", "us-east-1", "bedrock-agentcore", TOKEN
    )
    where = target("https://bedrock-agentcore.us-east-1.amazonaws.com", ("harnesses", "invoke"), (("harnessArn", ARN),))

    class Request:
        method, url, body = "POST", where.url, BODY

    for _ in range(SIGNATURES):
        auth.get_aws_request_headers_handler(Request)


def cpu(work: Callable[[], object]) -> float:
    """Seconds of processor time it takes."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def compare(name: str, goal: str, first: Callable[[], object], second: Callable[[], object], per: int) -> Row:
    """How many times as long the first takes as the second."""
    pairs = [(cpu(first), cpu(second)) for _ in range(ROUNDS)]
    ratios = sorted(one / two for one, two in pairs)
    one, two = (statistics.median(column) / per * 1e6 for column in zip(*pairs, strict=True))
    return Row(
        name=name,
        ratio=statistics.median(ratios),
        low=ratios[0],
        high=ratios[-1],
        goal=goal,
        detail=f"{one:.2f} us against {two:.2f} us each",
    )


def run() -> list[Row]:
    """Two rows for the decoder, two for the signer."""
    rows = []
    for size, goal in ((300, ">=4 / >=8"), (4096, ">=2.5 / >=4")):
        pieces = reads(size)
        frames = decode_ours(pieces)
        assert frames == decode_theirs(pieces)
        name = f"event stream, {size}-byte payloads: botocore vs ours"
        rows.append(compare(name, goal, partial(decode_theirs, pieces), partial(decode_ours, pieces), frames))
    rows.append(compare("signature: botocore vs ours", ">=2.5", sign_theirs, sign_ours, SIGNATURES))
    rows.append(compare("signature: ours vs the bare package", "<=1.3", sign_ours, bare_package, SIGNATURES))
    return rows
