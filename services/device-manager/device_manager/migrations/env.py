"""Alembic environment of device-manager."""

import device_manager.acquisitions.models
import device_manager.devices.models  # noqa: F401 - the tables register themselves
from device_manager.database import Table
from scanhub_libraries.migrate import run_env

run_env(Table.metadata)
