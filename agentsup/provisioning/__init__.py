"""Agents and environments made from specs: once, under names that say what is inside, and taken away again.

What most people need is in `agentsup` itself (`provision`, `teardown`, `AgentSpec` and so on). Here are the
stores in which it is remembered, the languages an environment can be given, and what a backend for another provider is written against.
"""

from agentsup.provisioning.backend import Backend, Found, NameTaken, NotDone, Resource, Wanted, Watch
from agentsup.provisioning.claude_shelf import INPUTS, OUTPUTS
from agentsup.provisioning.file_store import FileStore
from agentsup.provisioning.names import NameRule
from agentsup.provisioning.runtimes import Bootstrap, Runtime
from agentsup.provisioning.shelf import Shelf
from agentsup.provisioning.sqlite_store import SQLiteStore
from agentsup.provisioning.stores import MemoryStore, Store

__all__ = [
    "INPUTS",
    "OUTPUTS",
    "Backend",
    "Bootstrap",
    "FileStore",
    "Found",
    "MemoryStore",
    "NameRule",
    "NameTaken",
    "NotDone",
    "Resource",
    "Runtime",
    "SQLiteStore",
    "Shelf",
    "Store",
    "Wanted",
    "Watch",
]
