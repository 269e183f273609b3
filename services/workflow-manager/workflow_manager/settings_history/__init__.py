"""What the programs of an installation were set to, from start to start."""
