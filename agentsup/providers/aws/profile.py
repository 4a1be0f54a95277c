"""Profiles: what AWS's two files on disk say, `~/.aws/credentials` and `~/.aws/config`.

The credentials file is the place for keys and goes first; the config file has the region and may have keys as well. There a profile's
section is called `profile NAME`, except `default`. Other ways to get credentials that a profile may name (a role to assume, single
sign-on, a process) are not done here: they are refused by name, so that nobody is signed in as somebody else.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from agentsup.providers.aws.credentials import Credentials, NoCredentials

_ELSEWHERE = (
    "role_arn",
    "sso_session",
    "sso_start_url",
    "credential_process",
    "web_identity_token_file",
    "login_session",
)
"""Keys of a profile whose credentials have to be fetched in ways that are not done here."""


@attrs.frozen
class Profile:
    """One profile, as both files tell it."""

    name: str
    credentials: Mapping[str, str] = attrs.field(repr=False)
    config: Mapping[str, str] = attrs.field(repr=False)

    @property
    def region(self) -> str | None:
        """The region it names."""
        return self.config.get("region") or self.credentials.get("region") or None

    async def load(self) -> Credentials:
        """Its keys.

        Raises:
            NoCredentials: it has none, or gets them in a way that is not done here.
        """
        for values in (self.credentials, self.config):
            if values.get("aws_access_key_id"):
                return Credentials(
                    access_key_id=values["aws_access_key_id"],
                    secret_access_key=values.get("aws_secret_access_key", ""),
                    session_token=values.get("aws_session_token") or values.get("aws_security_token") or None,
                )
        raise NoCredentials(f"the profile {self.name!r} has no keys{self._elsewhere()}")

    @property
    def has_keys(self) -> bool:
        """Whether `load` has something to answer, be it that they are kept elsewhere."""
        return bool(
            self.credentials.get("aws_access_key_id") or self.config.get("aws_access_key_id") or self._elsewhere()
        )

    def _elsewhere(self) -> str:
        found = [key for key in _ELSEWHERE if key in self.config or key in self.credentials]
        if not found:
            return ""
        return f" here: it uses {', '.join(found)}, which is not read; pass credentials= a source that does"


def read_profile(environ: Mapping[str, str], name: str | None = None) -> Profile | None:
    """The profile of that name, else the one the environment names, else `default`; None if no file has it and nobody asked for it.

    Raises:
        NoCredentials: a file cannot be read, or the profile that was asked for is in neither.
    """
    asked = name or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    wanted = asked or "default"
    keys = _sections(_path(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials")).get(wanted)
    config_sections = _sections(_path(environ, "AWS_CONFIG_FILE", "config"))
    config = config_sections.get(f"profile {wanted}")
    if config is None and wanted == "default":
        config = config_sections.get("default")
    if keys is None and config is None:
        if asked:
            raise NoCredentials(f"there is no profile {wanted!r} in AWS's credentials or config file")
        return None
    return Profile(wanted, keys or {}, config or {})


def _path(environ: Mapping[str, str], variable: str, name: str) -> Path:
    told = environ.get(variable)
    home = environ.get("HOME") or os.path.expanduser("~")
    path = told or f"~/.aws/{name}"
    return Path(home + path[1:] if path.startswith("~/") else path)


def _sections(path: Path) -> Mapping[str, Mapping[str, str]]:
    """The file's sections; none if there is no such file. What a broken line says stays out of the error: it may be a key."""
    parser = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise NoCredentials(f"{path} cannot be read ({type(exc).__name__})") from None
    except configparser.Error as exc:
        line = getattr(exc, "lineno", None) or (exc.errors[0][0] if isinstance(exc, configparser.ParsingError) else "?")
        raise NoCredentials(f"{path} is not in AWS's format, at line {line}") from None
    return {" ".join(section.split()): dict(parser.items(section)) for section in parser.sections()}
