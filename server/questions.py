"""Questions about a target, written by a served model from its name and a sentence: exemplars of a topic.

The model names parts of the subject first. Each request then asks for a few questions of one style about one
part: a model that is asked for a hundred at once repeats itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np

from ..classifiers.calibration.progress import Track, pass_on
from ..classifiers.encoders.encoder import Encoder
from ..vocabulary import UserError
from .chat import ChatServer, Message
from .list_items import list_items, questions_in
from .question_pool import QuestionPool
from .question_styles import EXAMPLE, EXAMPLE_PARTS, STYLES, Style, Subject

# Requests under way at once.
CLIENTS = 8
PARTS = 16
# Lists of parts that are asked for.
LISTS = 6
# A small model loses its thread in a longer list.
EACH = 4
MAX_TOKENS = 300
# After so many answers without any question there will be none.
PATIENCE = 16


class QuestionsError(UserError, RuntimeError):
    """The model wrote no question that can be used; the message says what to try."""


def write_questions(
    subject: Subject, server: ChatServer, encoder: Encoder, wanted: int, track: Track = pass_on
) -> list[str]:
    """At most ``wanted`` questions about ``subject``, as the model of ``server`` writes them.

    ``track`` may show progress. Raises ``QuestionsError`` and ``ChatError``.
    """
    parts = _name_parts(subject, server, encoder, track)
    pool = QuestionPool(encoder, [str(subject), *parts])
    requests = []
    for number in range(max(wanted, 2 * len(STYLES))):
        turn, place = divmod(number, len(STYLES))
        requests.append(_request(subject, STYLES[place], parts[(number + turn) % len(parts)]))
    for number, answer in enumerate(_answers(server, requests, track), 1):
        pool.add(questions_in(answer))
        if len(pool.texts) >= wanted or (number >= PATIENCE and not pool.texts):
            break
    if not pool.texts:
        raise QuestionsError(
            f"none of {number} answers held a question that can be used: the model may decline, think "
            "for too long, or be too small; ask another with --ask or --model, or write questions yourself "
            "and give them with --exemplars FILE"
        )
    return pool.texts[:wanted]


def _answers(server: ChatServer, requests: Sequence[list[Message]], track: Track) -> Iterator[str]:
    """The answers in the order of ``requests``, as they come; who stops reading stops the asking."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        try:
            answers = [threads.submit(server.write, messages, max_tokens=MAX_TOKENS) for messages in requests]
            for answer in track("asking", answers):
                yield answer.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _name_parts(subject: Subject, server: ChatServer, encoder: Encoder, track: Track) -> list[str]:
    """Words for parts of the subject, the nearest to it first; its own name where the model gives none."""
    task = "Write a list of 12 words or phrases that stand for parts of {name}."
    messages = _chat(subject, EXAMPLE_PARTS, task, task)
    items = chain.from_iterable(map(list_items, _answers(server, [messages] * LISTS, track)))
    parts = list(dict.fromkeys(item.casefold() for item in items if 3 <= len(item) <= 40))
    if not parts:
        return [subject.name]
    near = encoder.encode(parts) @ encoder.encode([str(subject)])[0]
    return [parts[place] for place in np.argsort(-near, kind="stable")[:PARTS]]


def _request(subject: Subject, style: Style, part: str) -> list[Message]:
    example = f"Write {len(style.examples)} different {style.what}. They are about {style.part}."
    task = f"Write {EACH} different {style.what}. They are about {part}."
    return _chat(subject, style.examples, example, task)


def _chat(subject: Subject, examples: Iterable[str], example: str, task: str) -> list[Message]:
    """A chat in which the model has already done for another subject what is its ``task`` for this one."""
    listed = "\n".join(f"{number}. {text}" for number, text in enumerate(examples, 1))
    return [
        {"role": "user", "content": _prompt(EXAMPLE, example)},
        {"role": "assistant", "content": listed},
        {"role": "user", "content": _prompt(subject, task)},
    ]


def _prompt(subject: Subject, task: str) -> str:
    return f"{subject}\n\n{task.replace('{name}', subject.name)} Number them. Write nothing else."
