"""Text in, matches out: segments, names, sentence encoder, forget index."""
