"""Routing rules: what becomes of a series, decided by expressions over its DICOM tags."""
