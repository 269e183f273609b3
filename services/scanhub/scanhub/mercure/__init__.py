"""Moving over from mercure: its `mercure.json` translated and brought to this system."""
