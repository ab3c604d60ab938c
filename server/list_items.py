"""The questions in what a model wrote when it was asked for a numbered list of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

MIN_CHARS, MAX_CHARS = 12, 400
MIN_WORDS = 3
# Of words, how many must differ: a model that has lost its thread goes round in a circle.
MIN_DISTINCT = 0.6

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.S)
_LABEL = r"(?:question|exercise|problem|scenario|statement|item|part|q)"
# "1. ", "(2) ", "Question 3: ", "- ", "Q4:"; but not "1.5 litres" nor "5:30".
_MARKER = re.compile(
    rf"\s*(?:{_LABEL}\s*#?\s*\d{{1,3}}\s*[.):–-]?|\(?\d{{1,3}}[.):](?!\d)|[-*•–+]\s)\s*", re.I
)
_LABELLED = re.compile(rf"{_LABEL}\s*:\s*", re.I)
# A choice, or what a question is followed by.
_ASIDE = re.compile(
    r"\s*\(?(?:[A-H][.)]\s|(?:(?:correct )?answers?|solutions?|explanation|hint|note|choices|options)\b)",
    re.I,
)
_TRAILING = re.compile(
    r"\s*(?:\(?\bA[.)]\s+\S.*|[(\[]?\b(?:correct )?(?:answers?|solutions?)\s*[:=].*)$", re.I
)
_META = re.compile(
    r"^(?:sure|certainly|of course|okay|great|here (?:are|is)|these are|i'm|i am an?|as an?)\b"
    r"|\b(?:language model|assistant named|next question|let me know|my best to|happy to help)\b"
    r"|\b(?:would you like|do you want|shall|should|can|may) (?:me|i)\b.*\b(?:more|help|assist|continue)\b"
    r"|\b(?:these|the (?:above|following)|this list of|\d+ (?:\w+ )?) ?questions\b",
    re.I,
)
_BLANK = re.compile(r"_{2,}|\.{5,}|\[blank\]", re.I)
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ASKS = "?？؟;՞፧"
# What an exercise or a request begins with.
_TASK = re.compile(
    r"(?:please |(?:can|could) you )?"
    r"(?:analy[sz]e|apply|argue|assess|calculate|classify|comment|compare|compute|consider|contrast|define|derive"
    r"|describe|determine|discuss|distinguish|draw|draft|estimate|evaluate|explain|find|give|help|how|identify"
    r"|illustrate|imagine|list|name|outline|predict|prove|show|sketch|solve|state|suggest|summari[sz]e|suppose"
    r"|tell|use|verify|what|why|work out|write)\b",
    re.I,
)
_WORD = re.compile(r"\w+")
_QUOTES = "\"'“”„«»‘’`"


def list_items(text: str) -> list[str]:
    """The items of the list in ``text``, each on one line; without any markers, its lines.

    A line that follows an item directly, or is set in, goes on with it; choices and answers do not.
    """
    items: list[str] = []
    loose: list[str] = []
    is_open = False
    for line in _THOUGHT.sub("", text).replace("**", "").splitlines():
        marker = _MARKER.match(line)
        if marker:
            items.append(line[marker.end() :].strip())
        elif not line.strip() or _ASIDE.match(line):
            # A heading of an item ("Scenario 4:") has its text below.
            is_open = bool(items) and not items[-1]
            continue
        elif items and (is_open or line.startswith("  ")):
            items[-1] = f"{items[-1]} {line.strip()}".strip()
        else:
            loose.append(line.strip())
        is_open = bool(items)
    return items or loose


def questions_in(text: str) -> Iterator[str]:
    """The questions, exercises and sentences with a blank among the items of ``text``, cleaned of numbers,
    quotes, choices and answers; no other text of the model's own."""
    for item in list_items(text):
        question = _clean(item)
        if _is_whole(question) and not _META.search(question) and _asks(question):
            yield question


def _clean(item: str) -> str:
    item = _TRAILING.sub("", _LABELLED.sub("", item, count=1) if _LABELLED.match(item) else item)
    item = " ".join(item.strip(_QUOTES + " ,").split())
    end = max(map(item.rfind, _ASKS))
    # What stands behind the last question is the model's own answer.
    return item[: end + 1] if end >= 0 and not _BLANK.search(item[end:]) else item


def _is_whole(text: str) -> bool:
    """Neither a fragment, nor a page, nor the same words again and again."""
    words = [word.casefold() for word in _WORD.findall(text)]
    spaced = text.isascii() or " " in text
    return (
        MIN_CHARS <= len(text) <= MAX_CHARS
        and (len(words) >= MIN_WORDS or not spaced)
        and len(set(words)) >= MIN_DISTINCT * len(words)
        and text[0] not in "{["
        and not _UNREADABLE.search(text)
    )


def _asks(text: str) -> bool:
    return text[-1] in _ASKS or bool(_BLANK.search(text)) or bool(_TASK.match(text))
