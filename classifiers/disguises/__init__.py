"""What a text hides: each disguise is taken off, and every character keeps its place."""
