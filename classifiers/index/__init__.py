"""What a forget index is composed of: names, exemplars, and the facts that are in scope."""
