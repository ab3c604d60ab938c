"""Sentence embeddings: the encoder, a static one that spares it, and caches of vectors."""
