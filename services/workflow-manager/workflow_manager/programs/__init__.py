"""Programs that the service starts: each in a session of its own, heard, limited, and killed."""
