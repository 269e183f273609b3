"""What came and is not in the archive as it is, or not without a doubt: nothing is thrown away."""
