"""What the guard costs: time, by length, size of the list and hostile input."""
