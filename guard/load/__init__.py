"""How much may be under way at once: lanes of threads, turns, bytes."""
