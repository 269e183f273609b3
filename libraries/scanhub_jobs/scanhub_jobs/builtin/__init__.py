"""Imaging jobs that come with the SDK; each is an ordinary job, found by its entry point."""
