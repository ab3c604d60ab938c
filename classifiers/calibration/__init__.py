"""How much innocent traffic is flagged: the threshold, and new targets that are too broad."""
