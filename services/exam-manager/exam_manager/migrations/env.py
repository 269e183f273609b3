"""Alembic environment of exam-manager."""

from exam_manager.tables import METADATA
from scanhub_libraries.migrate import run_env

run_env(METADATA)
