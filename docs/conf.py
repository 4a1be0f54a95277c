"""How the documentation is built: `make docs`, where a broken reference is an error."""

from __future__ import annotations

import importlib.metadata

project = "agentsup"
author = "the agentsup authors"
version = release = importlib.metadata.version("agentsup")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "changelog.d", "reference/session-transitions.md"]
html_theme = "furo"
html_title = "agentsup"

# Single backticks in docstrings are code.
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

# What the types in signatures are called that have no page here: other libraries (the build needs no network, so none of their
# inventories is read), type variables and aliases, and classes of ours that users never name.
nitpick_ignore_regex = [
    (r"py:.*", r"(trio|httpx|attrs|attr|structlog|collections|contextvars|random|types|typing|enum)\..*"),
    (r"py:.*", r"(Callable|Awaitable|AsyncIterator|Iterable|Iterator|Mapping|Sequence|Hashable|TracebackType|Self)"),
    (r"py:.*", r"(optional|callable|function)"),
    (r"py:.*", r"([TKVR]|T_co|Reply_t)"),
    (r"py:.*", r"(.*\.)?(_\w+)"),
    (r"py:.*", r"agentsup\.(loop|providers|wire|journal|sim)\..*"),
    (r"py:.*", r"agentsup\.session\.(actor|life|services|subscription\.Source|client\.T)\b.*"),
]
