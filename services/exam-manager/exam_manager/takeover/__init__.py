"""Records of an installation of ScanHub become records here, with their ids, states and times."""
