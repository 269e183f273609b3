"""Results: files in the lake that a task left."""
