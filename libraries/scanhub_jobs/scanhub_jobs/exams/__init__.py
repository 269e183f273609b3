"""Jobs of the SDK as tasks of exams: what the platform runs for one, as it runs its own jobs."""
