"""Benchmarks: what the guard finds, what a model still tells under it, and what it costs."""
