"""Which tokens may stand in for which: the search that a recipe of stand-ins is made by."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import torch

from ..embedding_table import EmbeddingTable

# Of so many nearest tokens of its kind, those that are not the same word count.
SEARCHED = 64
# So many words of the kind are drawn, and those among them that are near do not count.
DRAWN = 32
# Of a kind's words, so many stand in at most, the most used: it bounds the search.
CANDIDATES = 8_192
# Directions are compared in so many dimensions at most: those in which the rows differ most.
DIMENSIONS = 768
ROWS_AT_ONCE = 512
# What is read of the table at once, and what its main dimensions are found from.
ROWS_READ = 8_192
# Words are the same from so many first letters on: "author" and "authors".
SAME_LETTERS = 4
_SEED = 0


@dataclass(frozen=True, slots=True)
class Word:
    """A token's text, and how it is used: in ``language`` (empty where it is no whole word that is in use),
    making up ``frequency`` of its words; whether it carries the ``grammar``, and so stands in for none; and
    whether it was ``added`` to the tokenizer, and so may not be known to the model."""

    text: str
    language: str = ""
    frequency: float = 0.0
    grammar: bool = False
    added: bool = False


def main_directions(table: EmbeddingTable) -> torch.Tensor:
    """Each token's direction from the mean row (tokens, dimensions), of length 1, in ``DIMENSIONS`` at most.

    The mean row, which all share, says nothing. The table is read in parts. Raises ``ValueError`` where
    its rows are no finite numbers.
    """
    parts = [range(n, min(n + ROWS_READ, table.vocabulary)) for n in range(0, table.vocabulary, ROWS_READ)]
    total = torch.zeros(table.hidden, dtype=torch.float64)
    for part in parts:
        total += table.rows(part, torch.float32).sum(0, dtype=torch.float64)
    mean = (total / table.vocabulary).float()
    if not mean.isfinite().all():
        raise ValueError("the embeddings are not finite")
    axes = _main_axes(table, mean) if table.hidden > DIMENSIONS else None
    directions = torch.empty((table.vocabulary, min(table.hidden, DIMENSIONS)))
    for part in parts:
        rows = table.rows(part, torch.float32) - mean
        rows = rows if axes is None else rows @ axes
        directions[part.start : part.stop] = torch.nn.functional.normalize(rows, dim=1)
    return directions


def _main_axes(table: EmbeddingTable, mean: torch.Tensor) -> torch.Tensor:
    """The axes (hidden, ``DIMENSIONS``) along which a sample of the rows differs most."""
    step = -(-table.vocabulary // ROWS_READ)
    sample = table.rows(range(0, table.vocabulary, step), torch.float32) - mean
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)  # the same model has the same stand-ins in every process
        axes: torch.Tensor = torch.svd_lowrank(torch.nn.functional.normalize(sample, dim=1), DIMENSIONS)[2]
    return axes


def stand_ins(
    directions: torch.Tensor, words: Sequence[Word | None], near: int, far: int, track: Callable[[int], None]
) -> torch.Tensor:
    """What each token of a vocabulary may give way to, shape (tokens, near + far): the nearest words of its
    kind and language that are in use, are not the same word, and do not carry the grammar; and after them
    such as are drawn from all but the ``SEARCHED`` nearest. Fewer are repeated.

    ``directions`` are those of all embeddings (tokens, dimensions), ``words`` what they say, None for one
    that says nothing (a control token), which is its own and nobody's stand-in. ``track`` hears of each
    token that is done.
    """
    every = [token for token, word in enumerate(words) if word]
    bare = [word.text.strip().casefold() if word else "" for word in words]
    table = [[token] * (near + far) for token in range(len(words))]
    for kind in _group_by_kind(words):
        for members, candidates in _group_by_language(kind, words):
            for token, nearest, others in _find(directions, members, candidates, bare):
                # One that has no kin gives way to any other: it must not stay.
                found = list(islice(nearest, near)) or _another(token, kind) or _another(token, every)
                found = found or [token]
                drawn = list(islice(others, far)) or found
                table[token] = [*islice(cycle(found), near), *islice(cycle(drawn), far)]
            track(len(members))
    return torch.tensor(table, dtype=torch.int32)


def _another(token: int, tokens: Sequence[int]) -> list[int]:
    return list(islice((other for other in tokens if other != token), SEARCHED))


def _group_by_kind(words: Sequence[Word | None]) -> list[list[int]]:
    """The tokens by whether a word begins with them, how it is written, and in which script."""
    kinds: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for token, word in enumerate(words):
        if word:
            kinds[_kind(word.text)].append(token)
    return list(kinds.values())


def _kind(text: str) -> tuple[object, ...]:
    word = text.strip()
    capital, shouted = word[:1].isupper(), len(word) > 1 and word.isupper()
    letters = next(filter(str.isalnum, word), "")
    script = unicodedata.name(letters, "").partition(" ")[0] if letters.isalpha() else bool(letters)
    broken = "\ufffd" in word
    return text[:1].isspace(), capital, shouted, word.isalpha(), word.isdigit(), broken, script


def _group_by_language(
    kind: Sequence[int], words: Sequence[Word | None]
) -> Iterator[tuple[list[int], list[int]]]:
    """The tokens of a kind by their language, each with those that may stand in for them.

    A part of a word has the language of most words of its kind.
    """
    known = [token for token in kind if not _word(words, token).added] or list(kind)
    meaning = [token for token in known if not _word(words, token).grammar] or known
    used = [token for token in meaning if _word(words, token).language]
    count = Counter(_word(words, token).language for token in used)
    usual = max(count, key=lambda language: count[language], default="")
    members: dict[str, list[int]] = defaultdict(list)
    for token in kind:
        language = _word(words, token).language or usual
        members[language if count[language] >= SEARCHED else ""].append(token)
    for language, tokens in members.items():
        own = [token for token in used if language in ("", _word(words, token).language)]
        candidates = own if len(own) >= SEARCHED else meaning
        # Tokenizers number what they merge by frequency: so of what is no word, the first.
        candidates = sorted(candidates, key=lambda token: -_word(words, token).frequency)
        yield tokens, sorted(candidates[:CANDIDATES])


def _word(words: Sequence[Word | None], token: int) -> Word:
    word = words[token]
    assert word
    return word


def _find(
    directions: torch.Tensor, members: Sequence[int], candidates: Sequence[int], bare: Sequence[str]
) -> Iterator[tuple[int, Iterator[int], Iterator[int]]]:
    """Each of ``members``, with the nearest ``candidates`` that may stand in for it, in order, and with
    others that may, as they are drawn."""
    others = directions[torch.tensor(candidates)].T.contiguous()
    chance = torch.Generator().manual_seed(_SEED)
    for start in range(0, len(members), ROWS_AT_ONCE):
        chunk = members[start : start + ROWS_AT_ONCE]
        cosines = directions[torch.tensor(chunk)] @ others
        nearest = cosines.topk(min(SEARCHED, len(candidates)), dim=1).indices.tolist()
        drawn = torch.randint(len(candidates), (len(chunk), DRAWN), generator=chance).tolist()
        for token, near, far in zip(chunk, nearest, drawn, strict=True):
            word, beside = bare[token], set(near)
            # Of a small kind all are near: then those that are least.
            rest = [place for place in dict.fromkeys(far) if place not in beside] or near[::-1]
            yield token, _allow(word, near, candidates, bare), _allow(word, rest, candidates, bare)


def _allow(word: str, places: Iterable[int], candidates: Sequence[int], bare: Sequence[str]) -> Iterator[int]:
    """The ``candidates`` at ``places`` that are not the same word."""
    return (other for place in places if _differ(word, bare[other := candidates[place]]))


def _differ(word: str, other: str) -> bool:
    """Whether two words are not forms of one."""
    if word == other or (word and other and (word in other or other in word)):
        return False
    return (
        len(word) < SAME_LETTERS or len(other) < SAME_LETTERS or word[:SAME_LETTERS] != other[:SAME_LETTERS]
    )
