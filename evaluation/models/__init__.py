"""Models to measure: checkpoints from packages, a guarded model, a running server."""
