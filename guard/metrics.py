"""What the guard counts, on vLLM's own ``/metrics``. No label ever names a target."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "vllm_unlearn_requests",
    "Generation requests that the guard saw, by what it did: pass, corrupt, refuse, or in shadow mode "
    "would_corrupt.",
    ["verdict"],
)
SECONDS = Histogram(
    "vllm_unlearn_guard_seconds",
    "Seconds that the guard added to a request, by stage: decode, detect, corrupt.",
    ["stage"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
ERRORS = Counter(
    "vllm_unlearn_errors",
    "Failures of the guard, by where: screen (a request could not be decided on), store, index.",
    ["where"],
)
# The lowest over all processes: the question is whether any of them is behind.
GENERATION = Gauge(
    "vllm_unlearn_generation", "Generation of the forget index that is served.", multiprocess_mode="livemin"
)
INDEX_SIZE = Gauge(
    "vllm_unlearn_index_size", "Entries of the forget index.", ["what"], multiprocess_mode="livemin"
)
DISABLED = Gauge(
    "vllm_unlearn_disabled",
    "1 while the kill switch is on and nothing is guarded.",
    multiprocess_mode="livemax",
)
