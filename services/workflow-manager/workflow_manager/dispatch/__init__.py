"""Dispatch: series on their way to other DICOM nodes, until they are there."""
