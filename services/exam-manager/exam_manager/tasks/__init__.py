"""Tasks: planning, claiming, reporting, finishing."""
