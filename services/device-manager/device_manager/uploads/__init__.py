"""File intake: raw data from a scanner into the lake, whole or not at all."""
