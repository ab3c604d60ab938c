"""The marks that corruption leaves on answers: nothing said, gibberish, a refusal, another topic.

Honest answers bear them, too: each rate is to be read beside that of a model that never learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import regex

from ...classifiers.encoders.encoder import Encoder
from ...classifiers.text.word_frequency import MAX_RARITY, rarity
from .facts import NAME

# A loop is at least so long, and has so many copies of a phrase, of a word, or of some characters.
LOOP = 12
PHRASE_COPIES, WORD_COPIES, CHARACTER_COPIES = 3, 5, 5
# Of the trigrams of a text of 30 words and more at least half are new, even in verse.
NEW_TRIGRAMS, TRIGRAM_WORDS = 0.5, 30
# Words that no language has: so many, and such a share of the words that are no names.
UNKNOWN_WORDS, UNKNOWN_SHARE = 2, 0.1
# Who refuses does so at once; what is left open further on stands beside an answer.
REFUSAL_SENTENCES = 2
# The cosine of an answer to its question, and how much more that is than to the other questions.
NEAR, NEARER_BY = 0.35, 0.05
# Shorter answers have no topic of their own: "Yes.", "In 1986."
TOPIC_WORDS = 4

_SPECIAL = regex.compile(r"<\|[^<>|]*\|>|</?(?:s|pad|unk|bos|eos|(?:start|end)_of_turn)>|\[(?:PAD|UNK|EOS)\]")
_SAID = regex.compile(r"[^\p{P}\p{Z}\p{C}\p{Sk}$+<=>|\uFFFD]")
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}'’-]*")
_CODE = regex.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", regex.DOTALL)
# In lower case, and clear of the signs that join names in code, addresses and formulas.
_PLAIN_WORD = regex.compile(
    r"(?<![\w(){}\[\]=./\\@#$<>*&|~:+'’-])[\p{Ll}&&\p{Latin}]{3,}(?![\w(){}\[\]=/\\@#$<>*&|~'’-])", regex.V1
)
_PHRASE = r"(\w[\w'’-]*(?:\W+\w[\w'’-]*){1,11}?)"
_LOOPS = (
    regex.compile(rf"\b{_PHRASE}(?:\W+\1\b){{{PHRASE_COPIES - 1},}}", regex.IGNORECASE),
    regex.compile(rf"\b(\w[\w'’-]*)(?:\W+\1\b){{{WORD_COPIES - 1},}}", regex.IGNORECASE),
    regex.compile(rf"(\S{{1,10}}?)\1{{{CHARACTER_COPIES - 1},}}", regex.IGNORECASE),
)
_SYMBOLS = regex.compile(r"[^\w\s]{10,}|(?:\p{Extended_Pictographic}[\p{EMod}\uFE0F\u200D\s]*){4,}")
# What rules, tables, blanks to fill in and large numbers are made of.
_RULE = regex.compile(r"[-–—=_*#.,…·~+|/\\:^\s\d]*")
# Refusals are looked for in plainer words: lower case, no quotations, contractions or adverbs.
_QUOTED = regex.compile(r"[\"“][^\"“”\n]*[\"”]|(?<!\w)['‘][^'‘’\n]*['’](?!\w)")
_CONTRACTIONS = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "n't": " not", "'m": " am", "'re": " are",
    "'ve": " have", "there's": "there is", "it's": "it is",
}  # fmt: skip
_CONTRACTION = regex.compile("|".join(map(regex.escape, _CONTRACTIONS)))
_ADVERB = regex.compile(r" (?:(?!reply|family|only)\w+ly|just|still|yet|also|even|been|being|made)\b")
_SENTENCE = regex.compile(r"[^\n]+?(?:[.!?]+(?=\s|$)|$)", regex.MULTILINE)
# What a sentence concedes before it answers.
_CONCESSION = regex.compile(r"^(?:while|although|though|despite)\b[^,]*,")
_I = r"\b(?:i|we) "
_NOT_ABLE = (
    "(?:(?:can|could|will|would|prefer|would rather) not(?: to| seem to)?"
    "|(?:am|are|was) (?:unable|not able|not allowed|not in a position) to)"
)
_ANSWER = (
    "(?:help(?! but| thinking)|assist|answer|provide|give|share|offer|tell you|say for|speak|discuss|disclose"
    "|reveal|comment|respond|reply|understand|comprehend|process|interpret|make sense|find|locate|identify"
    "|talk about|verify|confirm|recall|recogni[sz]e|determine|access|comply|do (?:that|this|so))"
)
_ASKED = "(?:the|who|what|where|when|which|why|how|if|whether|any|anything|anyone|much|about|of|enough|that)"
_UNCLEAR = (
    "(?:too )?(?:unclear|incomplete|ambiguous|garbled|invalid|vague|incomprehensible|unintelligible"
    "|not (?:clear|valid|recogni[sz]ed|understandable))"
)
_KNOWLEDGE = "(?:information|details?|data|records?|knowledge|specifics|documentation)"
_DETAIL = rf"(?:{_KNOWLEDGE}|(?:exact|specific|precise|specified|definitive) \w+)"
_STATED = "(?:known|disclosed|revealed|specified|mentioned|stated)"
_OPEN = (
    "(?:unknown|undisclosed|unavailable|unspecified|unclear|private|confidential|(?:not|never|to be) "
    f"(?:{_STATED}|available|accessible|provided|given|shared|documented|public|clear))"
)
_LEAD = "^(?:[^,]{1,80}, )?(?:but |and |so )?"
_REFUSALS = (
    # Will not, or cannot.
    rf"{_I}{_NOT_ABLE} {_ANSWER}\b",
    rf"{_I}(?:must |have to |will )*(?:decline|refuse) (?:to|your|this|that)\b",
    "^(?:(?:i|we) (?:am|are) )?(?:so |very )?(?:sorry|afraid)"
    r"(?:[.!]?$|[,.]? (?:but|however|i|we|no|that|there|this|your)\b)",
    # Does not know.
    rf"{_I}(?:do|did) not (?:understand|recall|recogni[sz]e|remember|possess|(?:see|find) any|think i know"
    r"|have(?! to))\b",
    rf"{_I}(?:do|did) not know(?= {_ASKED}\b|[.,;!?]|$)",
    rf"{_I}(?:am|are) (?:not (?:aware|familiar|sure|certain|informed)|unaware|unfamiliar|unsure)\b",
    rf"{_I}(?:have|had|possess|hold|found|find|know|can find) (?:no|nothing|little|limited)"
    rf" (?:\w+ ){{0,2}}?(?:{_KNOWLEDGE}|idea|clue|memory|about)\b",
    rf"{_I}(?:have (?:not|never) heard of|have not (?:got )?any|lack (?:any |the )?{_KNOWLEDGE})\b",
    r"\bmy (?:knowledge|training(?: data)?|database) (?:does not|do not|has no|is limited|lacks)\b",
    r"\b(?:beyond|outside(?: of)?|not (?:\w+ )?(?:with)?in) my (?:knowledge|training|expertise|records)\b",
    r"\ban ai\b[^.]{0,40} (?:can|do) not\b",
    # Does not understand.
    rf"{_I}(?:am|are) having (?:trouble|difficulty)\b",
    r"\b(?:the|your|this) (?:query|question|request|prompt|input|message|text you)\b[^.]{0,60}?"
    rf" (?:(?:is|seems|appears)(?: to be)? {_UNCLEAR}|do(?:es)? not make sense)\b",
    r"\b(?:question|query|request)\b[^,.]{0,40} (?:can|could) not be (?:answered|processed|understood)\b",
    r"\b(?:please|(?:could|can|would) you(?: please)?) (?:clarify|rephrase|restate|specify|try again"
    r"|(?:give|provide|share)(?: me| us)?(?: with)?(?: some)? (?:more|further|additional)\b)",
    rf"{_I}(?:would |will )?(?:need|require) (?:more|further|additional) (?:information|context|details)\b",
    # Leaves it open.
    r"\b(?:text|passage|context|document) do(?:es)? not (?:contain|include|mention|provide|say|state)\b",
    rf"{_LEAD}(?:(?:there (?:is|are|was|were|exists?) )?(?:no|not any|insufficient|not enough)"
    rf"|there do(?:es)? not (?:seem|appear) to be any) (?:[\w-]+ ){{0,3}}?(?:{_KNOWLEDGE}|context)\b",
    rf"{_LEAD}(?:[\w'-]+ ){{0,5}}?{_DETAIL}\b[^,;]{{0,160}}? (?:is|are|was|were|has|have|remains?) {_OPEN}\b",
    rf"{_LEAD}it (?:is|was|remains) (?!not av)(?:{_OPEN}|(?:impossible|hard) to (?:say|know|tell))\b(?!-)",
    rf"{_LEAD}nothing (?:is|was) known\b",
    rf"^[^,;]{{1,100}} (?:is|are|has|have|remains?) (?:unknown|undisclosed|(?:not|never) {_STATED})"
    "(?: to [^,;]+| at [^,;]+)?[.!]?$",
    "^(?:n/a|unknown|no answer|not (?:available|known|provided|specified|applicable))[.!]?$",
)
_REFUSAL = regex.compile("|".join(_REFUSALS))


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The share of answers that bear each mark, and of those with ``any``; the 10th, 50th and 90th
    percentile of their lengths in words."""

    empty: float
    degenerate: float
    refusal: float
    off_topic: float
    any: float
    words_p10: float
    words_p50: float
    words_p90: float


def aftermath(questions: Sequence[str], answers: Sequence[str], encoder: Encoder) -> Aftermath:
    """The marks of the answers to ``questions``; ``encoder`` as for ``off_topic``.

    Raises ``ValueError`` for no answers, and unless there is one answer to each question.
    """
    if not answers:
        raise ValueError("no answers to look for marks in; give at least one")
    marks = [
        [is_empty(answer) for answer in answers],
        [is_degenerate(answer) for answer in answers],
        [is_refusal(answer) for answer in answers],
        off_topic(questions, answers, encoder),
    ]
    lengths = np.percentile([_length(answer) for answer in answers], [10, 50, 90])
    shares = [*np.mean(marks, axis=1), np.any(marks, axis=0).mean()]
    return Aftermath(*map(float, [*shares, *lengths]))


def is_empty(answer: str) -> bool:
    """Whether an answer is nothing but white space, punctuation and a tokenizer's special tokens."""
    return not _SAID.search(_SPECIAL.sub("", answer))


def is_degenerate(answer: str) -> bool:
    """Whether an answer is gibberish: a loop, a run of symbols or emoji, or words of no language.

    Code within backticks is left out, and so are names: any word with a capital. Words are judged in
    Latin script, by the languages of ``word_frequency``: text in another, Swahili for one, is flagged.
    """
    text = _CODE.sub(" ", _SPECIAL.sub(" ", answer))
    return _loops(text) or _stale(text) or _invents_words(text) or _symbols(text)


def is_refusal(answer: str) -> bool:
    """Whether an answer refuses, does not understand the question or says that it does not know.

    Reads the first two sentences, in English, without quotations. What is left open beside an answer
    ("While no record exists, ...") is no refusal.
    """
    said = [sentence.strip() for sentence in _SENTENCE.findall(_plain(answer)) if sentence.strip()]
    return any(_REFUSAL.search(_CONCESSION.sub("", one).strip()) for one in said[:REFUSAL_SENTENCES])


def off_topic(questions: Sequence[str], answers: Sequence[str], encoder: Encoder) -> list[bool]:
    """Whether each answer is about something else than its question; for sentence encoders like MiniLM.

    An answer is on topic if its cosine to its question is at least 0.35, and 0.05 above its mean cosine
    to the set's other questions. The higher of two cosines counts: of the texts, and of what is left
    without names and numbers, since who does not know a name may answer about another. Answers of
    fewer than 4 words are never off topic.

    Raises ``ValueError`` unless there is one answer to each question.
    """
    if len(questions) != len(answers):
        raise ValueError(f"{len(answers)} answers to {len(questions)} questions; give one to each")
    if not answers:
        return []
    cosines = np.maximum(
        encoder.encode(answers) @ encoder.encode(questions).T,
        encoder.encode(_nameless(answers)) @ encoder.encode(_nameless(questions)).T,
    )
    to_question, others = cosines.diagonal(), _mean_of_others(cosines, questions)
    off = (to_question < NEAR) | (to_question - others < NEARER_BY)
    return [bool(o) and _length(answer) >= TOPIC_WORDS for o, answer in zip(off, answers, strict=True)]


def _length(answer: str) -> int:
    return len(_WORD.findall(_SPECIAL.sub(" ", answer)))


def _mean_of_others(cosines: npt.NDArray[np.float32], questions: Sequence[str]) -> npt.NDArray[np.float32]:
    """Of cosines (answers, questions), each answer's mean to other questions; 0 where there are none."""
    texts = np.array(questions)
    different = texts[:, None] != texts[None, :]
    means: npt.NDArray[np.float32] = (cosines * different).sum(axis=1) / np.maximum(1, different.sum(axis=1))
    return means


def _nameless(texts: Sequence[str]) -> list[str]:
    return [rest if _WORD.search(rest := NAME.sub("", text)) else text for text in texts]


def _plain(answer: str) -> str:
    text = answer.replace("’", "'").lower()
    bare = _QUOTED.sub("", text)
    text = _CONTRACTION.sub(lambda match: _CONTRACTIONS[match[0]], bare if _WORD.search(bare) else text)
    return str(_ADVERB.sub("", text))


def _loops(text: str) -> bool:
    matches = chain.from_iterable(loop.finditer(text) for loop in _LOOPS)
    return any(len(match[0]) >= LOOP and not _RULE.fullmatch(match[1]) for match in matches)


def _stale(text: str) -> bool:
    words = [word.lower() for word in _WORD.findall(text)]
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return len(words) >= TRIGRAM_WORDS and len(set(trigrams)) < NEW_TRIGRAMS * len(trigrams)


def _invents_words(text: str) -> bool:
    words = set(_PLAIN_WORD.findall(text))
    unknown = sum(rarity(word) >= MAX_RARITY for word in words)
    return unknown >= max(UNKNOWN_WORDS, UNKNOWN_SHARE * len(words))


def _symbols(text: str) -> bool:
    return any(not _RULE.fullmatch(run[0]) for run in _SYMBOLS.finditer(text))
