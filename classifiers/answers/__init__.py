"""What a model writes, read for what is listed."""
