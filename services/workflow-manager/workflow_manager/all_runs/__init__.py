"""Runs of jobs of exams and of modules of cases, in one list."""
