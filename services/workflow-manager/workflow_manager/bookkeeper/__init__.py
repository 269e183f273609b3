"""The bookkeeper: what mercure's modules and tools report and ask, over its HTTP interface."""
