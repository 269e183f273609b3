"""Workflows: the tasks of an exam that belong together."""
