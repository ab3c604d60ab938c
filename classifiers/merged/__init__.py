"""Several parts of an index as one: what each finds, but for the targets that it no longer speaks for."""
