"""The tables' common base: a registry of this service alone."""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from scanhub_libraries.database import NAMING


class Table(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """Base of every table of workflow-manager."""

    model_config = {"defer_build": True}  # rows are made, not validated
