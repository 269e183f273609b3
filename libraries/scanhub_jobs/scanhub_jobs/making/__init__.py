"""Making DICOM objects of what a job computed."""
