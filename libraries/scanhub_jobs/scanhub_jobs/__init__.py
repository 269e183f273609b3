"""Job SDK: what processing code imports. It works without the platform."""

from scanhub_jobs.errors import JobInputError

__all__ = ["JobInputError"]
