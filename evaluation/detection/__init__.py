"""How much is found, and how much is flagged wrongly."""
