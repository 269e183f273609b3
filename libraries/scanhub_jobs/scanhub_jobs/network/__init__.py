"""Sending images to DICOM nodes."""
