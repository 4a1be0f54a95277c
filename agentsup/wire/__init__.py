"""Protocols without I/O: bytes and plain data in, events out. No task, socket, clock or chance in here."""
