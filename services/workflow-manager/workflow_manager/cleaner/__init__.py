"""The cleaner: removes what an installation said may go, and nothing else."""
