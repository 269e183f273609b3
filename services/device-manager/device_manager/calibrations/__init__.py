"""Calibrations: what was measured on a device, when, and what came of it."""
