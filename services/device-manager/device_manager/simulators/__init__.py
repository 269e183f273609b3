"""Simulated scanners that this server starts by itself."""
