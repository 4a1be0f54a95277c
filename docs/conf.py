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
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

# Two classes may have one name in two rooms (`agentsup.Runtime`, `agentsup.otp.Runtime`); an annotation's bare name does not say which.
suppress_warnings = ["ref.python"]

# What the types in signatures are called that have no page here. Links that somebody wrote are all checked.
nitpick_ignore_regex = [
    # Names imported for annotations only are known to autodoc by their bare name, which leads nowhere.
    (r"py:(class|exc|obj)", r"[A-Za-z_]\w*"),
    # Other libraries: the build needs no network, so none of their inventories is read.
    (
        r"py:.*",
        r"(trio|httpx|attrs?|os|pathlib|structlog|collections|contextvars|random|types|typing|enum|contextlib|os|pathlib)\..*",
    ),
    # Type variables, and classes of ours that nobody needs to name.
    (r"py:.*", r"agentsup\..*\.([A-Z]|_\w+)"),
    (r"py:.*", r"agentsup\.(loop|providers|wire|journal|sim)\..*"),
    (r"py:.*", r"agentsup\.claude\.(ask|group|line|multipart|retries|settings|thing)\..*"),
    (r"py:.*", r"agentsup\.session\.(life|services|subscription)\..*"),
    (r"py:.*", r"agentsup\.otp\.(cell|child|intensity|mailbox|overseer|pace|results|spawned|timers)\..*"),
]


def _keep_sentences_whole(app, what, name, obj, options, lines):  # noqa: ARG001  -- autodoc's signature
    """Napoleon takes an attribute's first words up to a colon for its type; a docstring here begins with a sentence."""
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # an empty comment: no colon in it, and nothing of it on the page


def _show_defaults(app, what, name, obj, options, signature, returned):  # noqa: ARG001  -- autodoc's signature
    """attrs says NOTHING where a default is made anew for each value."""
    return (signature.replace("= NOTHING", "= ..."), returned) if signature else None


def setup(app):
    """Before napoleon, whose priority is the default of 500."""
    app.connect("autodoc-process-docstring", _keep_sentences_whole, priority=400)
    app.connect("autodoc-process-signature", _show_defaults)
