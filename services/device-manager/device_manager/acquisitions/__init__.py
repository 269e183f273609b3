"""Acquisitions: one task on one scanner, from the request to its end."""
