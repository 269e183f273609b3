"""Images of scans that still run, made of what their devices stream. Not for diagnosis."""
