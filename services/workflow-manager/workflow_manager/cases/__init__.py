"""Cases: what follows for a series or a study by one rule, from the first image to the end."""
