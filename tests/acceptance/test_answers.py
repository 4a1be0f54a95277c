"""What a session makes of the answers to its requests: refusals, promises to be back, lies and silence, at every endpoint."""

from __future__ import annotations
