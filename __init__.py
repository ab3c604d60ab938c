"""Inference-time unlearning for vLLM."""

__version__ = "0.1.0"
