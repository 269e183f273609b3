"""Readouts that a device sends while it acquires them: a preview beside the file that counts."""
