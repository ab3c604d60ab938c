"""What knows vLLM: patches, the hook, the handshake, the way into engine and workers."""
