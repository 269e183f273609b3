"""The journal: every event of the platform, in one order."""
