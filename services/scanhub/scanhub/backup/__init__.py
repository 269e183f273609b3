"""Backups: databases of one moment, the files that they name, the keys (docs/backup.md)."""
