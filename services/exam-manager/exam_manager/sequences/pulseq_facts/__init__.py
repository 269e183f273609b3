"""What a sequence is and asks for, computed from its file."""
