"""Backups by request: begun here, made by a process of the command line."""
