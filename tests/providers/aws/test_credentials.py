"""Credentials: found where AWS's own clients find them, kept fresh, and shown nowhere."""

from __future__ import annotations

import httpx
import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup.providers.aws.chain import DefaultChain, from_environment, region_from
from agentsup.providers.aws.credentials import Credentials, CredentialSource, Fixed, Fresh, NoCredentials
from agentsup.providers.aws.metadata import Container, Instance
from agentsup.providers.aws.profile import read_profile

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "secret-value", "token-value"
ANSWER = {
    "Code": "Success",
    "AccessKeyId": KEY,
    "SecretAccessKey": SECRET,
    "Token": TOKEN,
    "Expiration": "2030-01-01T00:00:00Z",
}
FOUND = Credentials(access_key_id=KEY, secret_access_key=SECRET, session_token=TOKEN, expires_at=1893456000.0)
PLAIN = Credentials(access_key_id=KEY, secret_access_key=SECRET)


@pytest.fixture
def home(tmp_path):
    """A home without AWS files."""
    (tmp_path / ".aws").mkdir()
    return tmp_path


def environment(home, **variables):
    return {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", **variables}


def write(home, *, credentials="", config=""):
    (home / ".aws" / "credentials").write_text(credentials)
    (home / ".aws" / "config").write_text(config)


async def test_the_environment_goes_first(home):
    """Over files."""
    write(home, credentials="[default]\naws_access_key_id=OTHER\naws_secret_access_key=x\n")
    environ = environment(home, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_SESSION_TOKEN=TOKEN)

    found = await DefaultChain(environ=environ).load()

    assert found == Credentials(access_key_id=KEY, secret_access_key=SECRET, session_token=TOKEN)


@pytest.mark.parametrize("half", [{"AWS_ACCESS_KEY_ID": KEY}, {"AWS_SECRET_ACCESS_KEY": SECRET}])
def test_half_a_key_is_an_error(half):
    """Passing over it would sign as somebody else."""
    with pytest.raises(NoCredentials, match="the other half is there") as caught:
        from_environment(half)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("credentials", "config", "variables"),
    [
        ("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key=secret-value\n", "", {}),
        ("", "[default]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=secret-value\n", {}),
        ("", "[profile default]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=secret-value\n", {}),
        ("[work]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=secret-value\n", "", {"AWS_PROFILE": "work"}),
        (
            "",
            "[profile  work]\ns3 =\n  addressing = path\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=secret-value\n",
            {"AWS_PROFILE": "work"},
        ),
        (
            "[default]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=secret-value\n",
            "[default]\naws_access_key_id=OTHER\naws_secret_access_key=other\n",
            {},
        ),
        (
            "[default]\naws_access_key_id=x\naws_secret_access_key=%(y)s\n[default]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=secret-value\n",
            "",
            {},
        ),
    ],
)
async def test_profiles_are_found_as_aws_writes_them(home, credentials, config, variables):
    """In either file, by name, the credentials file first."""
    write(home, credentials=credentials, config=config)

    assert await DefaultChain(environ=environment(home, **variables)).load() == PLAIN


async def test_the_files_may_lie_elsewhere(tmp_path):
    """As the two variables say."""
    (tmp_path / "c").write_text(
        f"[x]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\naws_session_token={TOKEN}\n"
    )
    (tmp_path / "f").write_text("[profile x]\nregion = eu-central-1\n")
    environ = {
        "HOME": str(tmp_path / "nowhere"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "c"),
        "AWS_CONFIG_FILE": str(tmp_path / "f"),
        "AWS_PROFILE": "x",
    }

    assert (await DefaultChain(environ=environ).load()).session_token == TOKEN
    assert region_from(environ) == "eu-central-1"


async def test_a_profile_that_was_asked_for_beats_the_environment(home):
    """`DefaultChain(profile=)` is an argument."""
    write(home, credentials=f"[work]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    environ = environment(home, AWS_ACCESS_KEY_ID="OTHER", AWS_SECRET_ACCESS_KEY="other")

    assert await DefaultChain(environ=environ, profile="work").load() == PLAIN


@pytest.mark.parametrize(
    ("credentials", "config", "variables", "told"),
    [
        ("", "", {"AWS_PROFILE": "gone"}, "no profile 'gone'"),
        ("", "[profile work]\nrole_arn = arn:x\n", {"AWS_PROFILE": "work"}, "uses role_arn"),
        ("", "[default]\nsso_session = x\n", {}, "uses sso_session"),
        ("", "[profile work]\nregion = x\n", {"AWS_PROFILE": "work"}, "no AWS credentials"),
        ("secret-value\n", "", {}, "not in AWS's format, at line 1"),
        ("[default]\nsecret-value\n", "", {}, "not in AWS's format, at line 2"),
        ("[default\n", "", {}, "not in AWS's format, at line 1"),
    ],
)
async def test_a_broken_place_is_named_and_not_quoted(home, credentials, config, variables, told):
    """What is wrong and where; a line of a credentials file may be a key."""
    write(home, credentials=credentials, config=config)

    with pytest.raises(NoCredentials, match=told) as caught:
        await DefaultChain(environ=environment(home, **variables)).load()
    assert "secret-value" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_key_without_a_secret_is_an_error(home):
    """Found when it is used, with the path of what is missing."""
    write(home, credentials=f"[default]\naws_access_key_id={KEY}\n")

    with pytest.raises(NoCredentials, match="secret_access_key: is missing"):
        await Fresh(DefaultChain(environ=environment(home))).get()


async def test_without_any_the_places_are_named(home):
    """So that one of them can be filled."""
    with pytest.raises(NoCredentials, match=r"AWS_ACCESS_KEY_ID, the credentials and config files.*disabled"):
        await DefaultChain(environ=environment(home)).load()


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "a"),
        ({"AWS_DEFAULT_REGION": "b"}, "b"),
        ({}, "c"),
        ({"AWS_PROFILE": "gone"}, None),
    ],
)
def test_the_region_is_found_likewise(home, variables, region):
    """Environment, then profile."""
    write(home, config="[default]\nregion = c\n")

    assert region_from(environment(home, **variables)) == region


def answering(answer, seen=None):
    """A transport that answers every request so."""

    def respond(request):
        if seen is not None:
            seen.append(request)
        return answer(request) if callable(answer) else answer

    return httpx.MockTransport(respond)


@pytest.mark.parametrize(
    ("variables", "url", "token"),
    [
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x?id=1"}, "http://169.254.170.2/v2/x?id=1", None),
        (
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/c",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic abc",
            },
            "http://127.0.0.1:9/c",
            "Basic abc",
        ),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[fd00:ec2::23]/c"}, "http://[fd00:ec2::23]/c", None),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/c"}, "http://localhost/c", None),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://example.com/c"}, "https://example.com/c", None),
    ],
)
async def test_a_container_asks_its_endpoint(home, variables, url, token):
    """With the token it was given, if it was."""
    seen = []
    transport = answering(httpx.Response(200, json=ANSWER), seen)

    found = await DefaultChain(environ=environment(home, **variables), transport=transport).load()

    assert found == FOUND
    assert [(str(request.url), request.headers.get("authorization")) for request in seen] == [(url, token)]


async def test_a_containers_token_may_be_in_a_file(tmp_path):
    """Read each time, because it is renewed there."""
    (tmp_path / "token").write_text("Bearer xyz\n")
    seen = []
    environ = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/c",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
    }

    await Container(environ, answering(httpx.Response(200, json=ANSWER), seen)).load()

    assert seen[0].headers["authorization"] == "Bearer xyz"


async def test_a_containers_token_file_that_is_not_there_is_an_error(tmp_path):
    """Named."""
    environ = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/c",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "gone"),
    }
    with pytest.raises(NoCredentials, match="gone cannot be read"):
        await Container(environ).load()


@pytest.mark.parametrize(
    "url", ["http://example.com/c", "ftp://127.0.0.1/", "http://169.254.169.254/", "x", "http://10.0.0.1/"]
)
async def test_a_key_is_not_asked_for_over_an_open_line(url):
    """Plain HTTP only to addresses that do not leave the machine."""
    with pytest.raises(NoCredentials, match="must be https"):
        await Container({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}).load()


def metadata_service(request):
    """An instance of the role `web`."""
    match request.method, request.url.path:
        case "PUT", "/latest/api/token":
            assert request.headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
            return httpx.Response(200, text="the-token")
        case "GET", "/latest/meta-data/iam/security-credentials/":
            assert request.headers["x-aws-ec2-metadata-token"] == "the-token"
            return httpx.Response(200, text="web\n")
        case "GET", "/latest/meta-data/iam/security-credentials/web":
            return httpx.Response(200, json=ANSWER)
    return httpx.Response(404)


async def test_an_instance_asks_for_a_token_first(home):
    """IMDSv2, in three questions."""
    environ = environment(home, AWS_EC2_METADATA_DISABLED="")

    assert await DefaultChain(environ=environ, transport=answering(metadata_service)).load() == FOUND


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(302, headers={"location": "http://example.com"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"Code": "Failed"}),
        httpx.Response(200, json={**ANSWER, "Expiration": "soon"}),
        httpx.Response(200, json={**ANSWER, "Expiration": 7}),
        lambda request: (_ for _ in ()).throw(httpx.ConnectTimeout("no")),
    ],
)
async def test_an_endpoint_that_answers_something_else_is_an_error(answer):
    """Without what it said."""
    with pytest.raises(NoCredentials, match="the instance's metadata service"):
        await Instance({}, answering(answer)).load()


class Source:
    """Hands out credentials that are good for a while."""

    def __init__(self, *lifetimes):
        self.lifetimes = list(lifetimes)
        self.now = 1000.0
        self.loads = 0

    async def load(self):
        self.loads += 1
        await trio.lowlevel.checkpoint()
        lifetime = self.lifetimes.pop(0)
        if isinstance(lifetime, Exception):
            raise lifetime
        expires = None if lifetime is None else self.now + lifetime
        return Credentials(access_key_id=f"KEY{self.loads}", secret_access_key="s", expires_at=expires)


def fresh(source):
    return Fresh(source, now=lambda: source.now)


async def test_permanent_credentials_are_loaded_once():
    """Whoever asks, and however late."""
    source = Source(None)
    held = fresh(source)
    await held.get()
    source.now += 1e9
    await held.get()

    assert source.loads == 1


async def test_temporary_ones_are_renewed_before_they_end():
    """A quarter of an hour before."""
    source = Source(3600, 3600)
    held = fresh(source)
    assert (await held.get()).access_key_id == "KEY1"
    source.now += 2699
    assert (await held.get()).access_key_id == "KEY1"
    source.now += 1
    assert (await held.get()).access_key_id == "KEY2"


async def test_many_that_wait_are_served_by_one_load(nursery):
    """A source is not stormed."""
    source = Source(3600)
    held, got = fresh(source), []

    async def ask():
        got.append(await held.get())

    for _ in range(20):
        nursery.start_soon(ask)
    await wait_all_tasks_blocked()

    assert (source.loads, len({credentials.access_key_id for credentials in got}), len(got)) == (1, 1, 20)


async def test_a_renewal_that_fails_early_is_tried_again_later():
    """The old ones are good for a while yet; the log says so, without their text."""
    source = Source(3600, RuntimeError("secret"), 3600)
    held = fresh(source)
    await held.get()
    source.now += 2800
    with structlog.testing.capture_logs() as logs:
        assert (await held.get()).access_key_id == "KEY1"
        assert (await held.get()).access_key_id == "KEY1"
    source.now += 60
    assert (await held.get()).access_key_id == "KEY3"

    assert logs == [{"event": "credentials.renewal_failed", "reason": "RuntimeError", "log_level": "warning"}]


async def test_credentials_that_ended_are_not_used():
    """If they cannot be renewed there are none."""
    source = Source(3600, RuntimeError("secret"))
    held = fresh(source)
    await held.get()
    source.now += 3550

    with pytest.raises(NoCredentials) as caught:
        await held.get()
    assert str(caught.value) == "the source of the credentials failed (RuntimeError)"


async def test_a_source_that_hands_out_dead_ones_is_told_from_one_that_has_none():
    """They would be refused."""
    with pytest.raises(NoCredentials, match="expired already"):
        await fresh(Source(-1)).get()


async def test_refused_credentials_are_forgotten():
    """The next request asks the source again; a later one's credentials stay."""
    source = Source(3600, 3600)
    held = fresh(source)
    first = await held.get()
    held.forget(first)
    second = await held.get()
    held.forget(first)

    assert await held.get() is second


@pytest.mark.parametrize("bad", ["", "two words", "line\n", "ümlaut", None])
async def test_what_no_header_can_carry_is_refused(bad):
    """Named, and not shown."""
    with pytest.raises(NoCredentials, match=r"credentials\.secret_access_key") as caught:
        await Fresh(Fixed(Credentials(access_key_id=KEY, secret_access_key=bad))).get()
    assert not bad or bad not in str(caught.value)


def test_nothing_of_a_key_is_shown():
    """By any repr on the way."""
    assert repr(FOUND) == "<Credentials temporary until 1893456000>"
    chain = DefaultChain(environ={"AWS_SECRET_ACCESS_KEY": SECRET})
    shown = f"{PLAIN} {Fixed(FOUND)} {chain} {Fresh(chain)} {Container({'x': SECRET})} {Instance({'x': SECRET})}"
    assert KEY not in shown
    assert SECRET not in shown
    assert TOKEN not in shown


def test_a_profiles_repr_shows_its_name_only(home):
    """The same."""
    write(home, credentials=f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    profile = read_profile(environment(home))

    assert repr(profile) == "Profile(name='default')"


def test_anything_with_load_is_a_source():
    """No base class."""
    assert isinstance(Source(), CredentialSource)
    assert not isinstance(object(), CredentialSource)
