"""The model as a witness of what it knows: lessons for ``vllm-unlearn learn`` where none are given."""
