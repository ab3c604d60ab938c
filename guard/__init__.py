"""Decides and acts, per request: configuration, the store of targets, the vLLM hook."""
