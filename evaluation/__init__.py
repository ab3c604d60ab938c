"""Benchmarks: what the guard costs."""
