"""Killing the process with SIGKILL, at every place where it could hurt, and looking at what the next one makes of it."""
