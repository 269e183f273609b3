"""Exams: the root of the tree exam, workflow, task, result."""
