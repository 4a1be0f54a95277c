"""The credentials in a vault, checked and written out without their secrets, which go in and never come out. Pure.

What a credential is for (its server, its variable's name, the client of its refresh) is said once; what it proves itself with can be
replaced. Rules: API reference, "Credentials".
"""

from __future__ import annotations

from collections.abc import Callable

from agentsup.sim.exchange import Json
from agentsup.sim.fields import Form

from .shelf import Record, read_kept_text, read_metadata

MOST_HOSTS = 16


def read_credential(form: Form, record: Record | None) -> Json:
    """The fields of a new credential, or of one that is changed."""
    current: Json | None = None if record is None else record.fields["auth"]
    auth = form.child("auth", required=record is None)
    kind = None if auth is None else auth.choice("type", _READERS, required=True)
    made = current or {}
    if auth is not None and kind is not None:
        if current is not None and kind != current["type"]:
            auth.wrong("type", f"cannot be changed from {current['type']}")
        else:
            made = {"type": kind, **_READERS[kind](auth, current)}
    return {
        "display_name": read_kept_text(form, record, "display_name", most=255),
        "auth": made,
        "metadata": read_metadata(form, record),
    }


def _read_bearer(auth: Form, current: Json | None) -> Json:
    _read_secret(auth, "token", current)
    return {"mcp_server_url": _said_once(auth, "mcp_server_url", current)}


def _read_oauth(auth: Form, current: Json | None) -> Json:
    _read_secret(auth, "access_token", current)
    made: Json = {"mcp_server_url": _said_once(auth, "mcp_server_url", current), "expires_at": None, "refresh": None}
    if current is not None:
        made.update(expires_at=current["expires_at"], refresh=current["refresh"])
    if auth.data.get("expires_at") is not None:
        made["expires_at"] = auth.moment("expires_at")
    refresh = auth.child("refresh")
    if refresh is not None:
        made["refresh"] = _read_refresh(refresh, made["refresh"])
    return made


def _read_refresh(refresh: Form, current: Json | None) -> Json:
    _read_secret(refresh, "refresh_token", current)
    made: Json = {key: _said_once(refresh, key, current) for key in ("client_id", "token_endpoint")}
    for key in ("resource", "scope"):
        kept = None if current is None else current[key]
        made[key] = (refresh.text(key) or None) if refresh.data.get(key) is not None else kept
    how = refresh.child("token_endpoint_auth", required=current is None)
    kind = (
        None
        if how is None
        else how.choice("type", ("none", "client_secret_basic", "client_secret_post"), required=True)
    )
    if how is not None and kind != "none":
        _read_secret(how, "client_secret", current)
    return {**made, "token_endpoint_auth": {"type": kind} if current is None else current["token_endpoint_auth"]}


def _read_variable(auth: Form, current: Json | None) -> Json:
    _read_secret(auth, "secret_value", current)
    made: Json = {
        "secret_name": _said_once(auth, "secret_name", current),
        "networking": {"type": "unrestricted"} if current is None else current["networking"],
        "injection_location": {"header": True, "body": False} if current is None else current["injection_location"],
    }
    networking, location = auth.child("networking"), auth.child("injection_location")
    if networking is not None:
        made["networking"] = _read_networking(networking)
    if location is not None:
        told = {key: location.boolean(key) for key in ("header", "body")}
        made["injection_location"] = {
            key: made["injection_location"][key] if value is None else value for key, value in told.items()
        }
        if not any(made["injection_location"].values()):
            location.wrong("", "must have at least one location enabled")
    return made


def _read_networking(networking: Form) -> Json:
    kind = networking.choice("type", ("unrestricted", "limited"), required=True)
    if kind != "limited":
        return {"type": kind}
    if networking.data.get("allowed_hosts") is None:
        networking.wrong("allowed_hosts", "field required")
    return {"type": kind, "allowed_hosts": networking.texts("allowed_hosts", most=MOST_HOSTS)}


def _read_secret(form: Form, key: str, current: Json | None) -> None:
    """Checks a secret; it is needed once, and kept nowhere."""
    form.text(key, required=current is None, least=1)


def _said_once(form: Form, key: str, current: Json | None) -> str | None:
    """What cannot be changed any more once it is said."""
    given = form.text(key, required=current is None, least=1)
    if current is None:
        return given
    kept: str = current[key]
    if given is not None and given != kept:
        form.wrong(key, "cannot be changed")
    return kept


_READERS: dict[str, Callable[[Form, Json | None], Json]] = {
    "environment_variable": _read_variable,
    "mcp_oauth": _read_oauth,
    "static_bearer": _read_bearer,
}
