"""Matches in, prompt embeddings out: operators, recipes, the embedding table."""
