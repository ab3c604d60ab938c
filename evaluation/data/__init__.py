"""Benchmark data and made-up people."""
