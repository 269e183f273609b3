"""Composition root and command line: no routes, no tables."""
