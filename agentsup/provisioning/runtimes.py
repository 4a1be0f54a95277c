"""Languages an agent's sandbox should have: a script that installs them, and what to tell the agent of it. Pure.

Nothing of this goes to the provider by itself: a handle carries it, and whoever writes the first message (or the system prompt) says it. What
an environment with a limited network must let through for it is added to the hosts that are allowed there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

from agentsup.errors import Problem

_LANG = re.compile(r"[a-z][a-z0-9_-]*")
_VERSION = re.compile(r"[0-9A-Za-z+.][0-9A-Za-z.+-]*")

_MISE_HOSTS = (
    "api.github.com",
    "github.com",
    "mise-versions.jdx.dev",
    "mise.jdx.dev",
    "mise.run",
    "objects.githubusercontent.com",
    "raw.githubusercontent.com",
    "release-assets.githubusercontent.com",
)
"""Where mise itself comes from, its lists of versions, and the builds that projects publish as GitHub releases."""

_LANG_HOSTS: Mapping[str, tuple[str, ...]] = {
    "deno": ("dl.deno.land",),
    "elixir": ("builds.hex.pm", "repo.hex.pm"),
    "erlang": ("builds.hex.pm", "repo.hex.pm"),
    "go": ("dl.google.com", "go.dev", "proxy.golang.org"),
    "java": ("api.adoptium.net", "download.java.net", "mise-java.jdx.dev"),
    "node": ("nodejs.org", "registry.npmjs.org"),
    "python": ("files.pythonhosted.org", "pypi.org"),
    "ruby": ("cache.ruby-lang.org", "rubygems.org"),
    "rust": ("index.crates.io", "sh.rustup.rs", "static.rust-lang.org"),
    "zig": ("ziglang.org",),
}
"""Where a language's builds and packages come from; one that is not here gets mise's hosts only."""


@attrs.frozen
class Runtime:
    """A language in a version, to be installed in the sandbox when a session begins."""

    lang: str
    """As mise names it: `python`, `node`, `elixir`."""

    version: str
    """As mise takes it: `3.12`, `27.1.2`, `lts`."""

    via: Literal["mise"] = "mise"
    """The installer; there is one."""

    def problems(self, path: str) -> Iterable[Problem]:
        """What is wrong with it. Both words go into a script, so nothing that a shell could misread gets through."""
        if not isinstance(self.lang, str) or not _LANG.fullmatch(self.lang):
            yield Problem(
                f"{path}.lang", f"must be a language's name in small letters, such as 'python', not {self.lang!r}"
            )
        if not isinstance(self.version, str) or not _VERSION.fullmatch(self.version):
            yield Problem(
                f"{path}.version", f"must be a version of letters, digits, '.', '+' and '-', not {self.version!r}"
            )
        if self.via != "mise":
            yield Problem(f"{path}.via", f"must be 'mise', not {self.via!r}")


@attrs.frozen
class Bootstrap:
    """How an agent gets its runtimes: made from the spec at each call, never stored, never sent."""

    script: str = attrs.field(repr=False)
    """For `sh`; running it again changes nothing."""

    instructions: str = attrs.field(repr=False)
    """A block for a prompt, with the script in it."""


def bootstrap_of(runtimes: Sequence[Runtime]) -> Bootstrap | None:
    """What installs these runtimes; None if there are none."""
    if not runtimes:
        return None
    pins = _pins(runtimes)
    script = "\n".join((*_HEAD, *(f"mise use --global {lang}@{version}" for lang, version in pins), ""))
    listed = ", ".join(f"{lang} {version}" for lang, version in pins)
    instructions = (
        f"This project needs {listed}. Before anything else, save the script below and run it once with sh; after that "
        f"these are on the PATH of every shell that begins with its third line.\n\n```sh\n{script}```\n"
    )
    return Bootstrap(script, instructions)


def hosts_of(runtimes: Sequence[Runtime]) -> tuple[str, ...]:
    """The hosts that installing these runtimes talks to, sorted."""
    if not runtimes:
        return ()
    return tuple(sorted({*_MISE_HOSTS, *(host for each in runtimes for host in _LANG_HOSTS.get(each.lang, ()))}))


def with_hosts(config: Mapping[str, Any], runtimes: Sequence[Runtime]) -> dict[str, Any]:
    """The environment's configuration with the runtimes' hosts allowed, where its network is limited; else as it was."""
    networking = config.get("networking")
    if not runtimes or not isinstance(networking, Mapping) or networking.get("type") != "limited":
        return dict(config)
    allowed = list(networking.get("allowed_hosts") or ())
    added = [host for host in hosts_of(runtimes) if host not in allowed]
    return {**config, "networking": {**networking, "allowed_hosts": [*allowed, *added]}}


_HEAD = (
    "#!/bin/sh",
    "set -eu",
    'export PATH="$HOME/.local/bin:$HOME/.local/share/mise/shims:$PATH"',
    "command -v mise >/dev/null 2>&1 || curl -fsSL https://mise.run | sh",
)


def _pins(runtimes: Sequence[Runtime]) -> list[tuple[str, str]]:
    """Language and version in the order of installation: Erlang before Elixir, whose builds are made for one Erlang/OTP."""
    ordered = sorted(runtimes, key=lambda each: each.lang == "elixir")
    otp = next((each.version for each in ordered if each.lang == "erlang"), None)
    return [(each.lang, _for_otp(each, otp)) for each in ordered]


def _for_otp(runtime: Runtime, otp: str | None) -> str:
    if runtime.lang != "elixir" or otp is None or "-otp-" in runtime.version or not otp[0].isdigit():
        return runtime.version
    return f"{runtime.version}-otp-{otp.partition('.')[0]}"
