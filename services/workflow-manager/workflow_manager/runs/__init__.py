"""Runs: one job on one task, carried to its end through crashes and outages."""
