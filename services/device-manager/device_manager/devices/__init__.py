"""The registry of scanners: who may connect, and what is known of each."""
