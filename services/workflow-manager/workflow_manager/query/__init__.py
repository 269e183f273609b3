"""Queries on the index, as DICOM asks them: attributes to match at a level."""
