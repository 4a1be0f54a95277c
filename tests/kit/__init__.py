"""Shared by all rooms' tests: strategies, and pure models of what is on the other side."""
