"""Moving over from an installation of ScanHub: over its HTTP interface, files from its lake."""
