"""The DICOM node: files, index, listener, sender."""
