"""Pulseq sequences."""
