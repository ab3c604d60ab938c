"""What the guard counts. No label ever names a target.

Anyone who reaches vLLM's ``/metrics`` sees that a guard is on and how it fares. What tells of flagged
prompts or of the list stands on the admin page alone, unless ``public_metrics`` is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

PREFIX = "vllm_unlearn_"
MODES = ("enforce", "shadow", "off")
# Families that anyone may see, whole or those labelled so. Any other is private until it is named here.
_PUBLIC: dict[str, frozenset[str] | None] = {
    "vllm_unlearn_disabled": None,
    "vllm_unlearn_mode": None,
    "vllm_unlearn_errors": frozenset({"store"}),
}

OURS = CollectorRegistry()
"""All metrics of the guard, of this process."""
REQUESTS = Counter(
    "vllm_unlearn_requests",
    "Generation requests that the guard saw, by what it did: pass, corrupt, refuse, in shadow mode "
    "would_corrupt, or undecided (let by, in shadow mode or with on_error open).",
    ["verdict"],
    registry=OURS,
)
SECONDS = Histogram(
    "vllm_unlearn_guard_seconds",
    "Seconds that the guard added to a request, by stage: decode, detect, constraints, corrupt.",
    ["stage"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
    registry=OURS,
)
ERRORS = Counter(
    "vllm_unlearn_errors",
    "Failures of the guard, by where: screen (a request could not be decided on), answer, store, index.",
    ["where"],
    registry=OURS,
)
# The lowest over all processes: the question is whether any of them is behind.
GENERATION = Gauge(
    "vllm_unlearn_generation",
    "Generation of the forget index that is served.",
    multiprocess_mode="livemin",
    registry=OURS,
)
INDEX_SIZE = Gauge(
    "vllm_unlearn_index_size",
    "Entries of the forget index.",
    ["what"],
    multiprocess_mode="livemin",
    registry=OURS,
)
DISABLED = Gauge(
    "vllm_unlearn_disabled",
    "1 while nothing is guarded: by the kill switch, or in mode off.",
    multiprocess_mode="livemax",
    registry=OURS,
)
MODE = Gauge(
    "vllm_unlearn_mode", "1 for the mode that is on.", ["mode"], multiprocess_mode="livemax", registry=OURS
)
ANSWERS = Counter(
    "vllm_unlearn_answers",
    "What the answer guard did where an answer came to something listed: take_back, decline, end, in "
    "shadow mode would_take_back.",
    ["action"],
    registry=OURS,
)
# There from the start, so that no line appears when something first happens.
ERRORS.labels("store")
for _stage in ("decode", "detect"):
    SECONDS.labels(_stage)


def set_mode(mode: str) -> None:
    """Say which of ``MODES`` is on."""
    for each in MODES:
        MODE.labels(each).set(each == mode)
    DISABLED.set(mode == "off")


def private_page() -> bytes:
    """All that the guard counts, over all API server processes, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    return generate_latest(registry)


def _select_public(families: Iterable[Metric]) -> Iterator[Metric]:
    """What may stand on a page that anyone can read; others' families as they are."""
    for family in families:
        if not family.name.startswith(PREFIX) or PUBLIC_PAGE.everything:
            yield family
        elif family.name in _PUBLIC:
            labels = _PUBLIC[family.name]
            family.samples = [s for s in family.samples if labels is None or labels & set(s.labels.values())]
            if family.samples:
                yield family


class _Everything(Collector):
    """Our own families."""

    def collect(self) -> Iterator[Metric]:
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            yield from OURS.collect()
            return
        for family in _collect_all(MultiProcessCollector(None)):  # type: ignore[no-untyped-call]
            if family.name.startswith(PREFIX):
                yield family


class PublicPage(Collector):
    """Our part of vLLM's ``/metrics``."""

    everything = False
    """Whether private metrics are shown there, too (``public_metrics``)."""

    def collect(self) -> Iterator[Metric]:
        """The metric families that anyone may see."""
        return _select_public(OURS.collect())


PUBLIC_PAGE = PublicPage()
REGISTRY.register(PUBLIC_PAGE)

# Where several API servers run, each counts into files of one folder, and whoever serves /metrics reads
# all of them, past every registry.
_collect_all = MultiProcessCollector.collect
MultiProcessCollector.collect = lambda self: _select_public(_collect_all(self))  # type: ignore[method-assign,no-untyped-call]
