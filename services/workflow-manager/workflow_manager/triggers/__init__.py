"""Start and stop tasks: what the start and stop buttons call."""
