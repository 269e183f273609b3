"""Targets: where images are sent to, with their secrets encrypted at rest."""
