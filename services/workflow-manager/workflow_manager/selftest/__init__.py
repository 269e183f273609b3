"""Self-test: synthetic images take the whole way, from our own listener to a folder."""
