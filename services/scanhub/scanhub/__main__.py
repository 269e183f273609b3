"""`python -m scanhub`."""

from scanhub.cli import app

app()
