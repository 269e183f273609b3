"""Processing modules as they are configured: what a rule may name. Running them comes later."""
