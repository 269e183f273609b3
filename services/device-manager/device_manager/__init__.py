"""Scanners: their registry, their links, their acquisitions, the intake of their data."""
