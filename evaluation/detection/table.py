"""The table of detection: its families, each a few rows over a listing of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..data.cases import Listing, Row
from ..data.data_folder import DataError
from .families import attacks, benchmarks, topics
from .families.languages import language_rows
from .families.listings import listings
from .families.long_texts import long_text_rows
from .families.many_targets import many_target_rows
from .families.nameless import nameless_rows
from .families.namesakes import namesake_rows
from .families.sources import Sources

FAMILIES: dict[str, Callable[[Sources], Iterator[Row]]] = {
    "tofu": benchmarks.tofu_rows,
    "rwku": benchmarks.rwku_rows,
    "neighbours": benchmarks.neighbour_rows,
    "scope": benchmarks.scope_rows,
    "work": benchmarks.work_rows,
    "benign": benchmarks.benign_rows,
    "wrappers": attacks.wrapper_rows,
    "obfuscations": attacks.obfuscation_rows,
    "languages": language_rows,
    "padding": long_text_rows,
    "namesakes": namesake_rows,
    "many": many_target_rows,
    "spans": benchmarks.span_rows,
    "topics": topics.topic_rows,
    "chapters": topics.chapter_rows,
    "asked": topics.asked_rows,
    "translated": topics.translated_rows,
    "nameless": nameless_rows,
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, the listings that they are judged against, and what was left out, with the reason."""

    rows: list[Row]
    listings: dict[str, Listing]
    left_out: list[str]


def make_table(sources: Sources, families: Sequence[str] = ()) -> Table:
    """The rows of ``families``, of all without any. Data that is missing leaves rows out, and is an
    error (``DataError``) where their family was asked for by name."""
    table = Table([], {}, [])
    by_name = {listing.name: listing for listing in listings(sources)}
    for family in families or FAMILIES:
        try:
            _add(table, list(FAMILIES[family](sources)), by_name)
        except DataError as error:
            if families:
                raise
            table.left_out.append(f"{family}: {error}")
    return table


def _add(table: Table, rows: Sequence[Row], listings: Mapping[str, Listing]) -> None:
    """Add rows, and their listings if all of the data for their targets is there."""
    for row in rows:
        listing = listings[row.listing]
        if row.listing not in table.listings:
            for way in listing.ways:
                listing.targets(way)
        table.listings[row.listing] = listing
        if row.cases:
            table.rows.append(row)
