"""Modules that come with the product: Python files that run by themselves (`built_in/NAME.py`)."""
