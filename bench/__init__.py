"""Measurements against the design's bars: `make bench` prints a table and writes bench.json."""
