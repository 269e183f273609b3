"""The platform's backend: what a job stands on when the platform runs it, over HTTP."""
