"""Jobs: which there are, what each can be told, and what it reads. What runs them is elsewhere."""
