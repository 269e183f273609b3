"""workflow-manager: runs, the DICOM node, dispatch and the platform's journal."""
