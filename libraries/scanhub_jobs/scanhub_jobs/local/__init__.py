"""Jobs on a folder of DICOM files: what a platform gives them, given by the disk."""
