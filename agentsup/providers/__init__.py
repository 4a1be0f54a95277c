"""Drivers: they move bytes and translate errors, and decide nothing."""
