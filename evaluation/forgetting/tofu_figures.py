"""What a method was asked of TOFU, and the figures that come of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median

from ...classifiers.encoders.encoder import Encoder
from ..data.tofu_data import RETAIN, Question
from ..models.likelihoods import Likelihood, exact_memorisation, extraction_strength
from .aftermath import aftermath
from .facts import fact_present, leak_at, tells_own
from .forget_metrics import (
    Text,
    aggregate,
    choice_probability,
    forget_quality,
    harmonic_mean,
    membership,
    memorisation,
    privacy,
    rouge_recall,
    truth_ratio,
    truth_utility,
)
from .observer import FEWEST_QUESTIONS, observer_auc

Figures = Iterator[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, what a method says of its given answers (``Question.candidates``), and how it answers."""

    question: Question
    scores: Sequence[Likelihood | None]
    answer: str = ""
    samples: Sequence[str] = ()

    @property
    def probabilities(self) -> list[float]:
        """Of each given answer; 0 where none can be obtained."""
        return [score.probability if score else 0.0 for score in self.scores]

    @property
    def ratio(self) -> float:
        """The raw truth ratio."""
        _, paraphrase, *perturbed = self.probabilities
        return truth_ratio(paraphrase, perturbed)

    @property
    def recall(self) -> float:
        """The answer's ROUGE-L recall."""
        return rouge_recall(self.question.answer, self.answer)

    def tells(self, answer: str, encoder: Encoder) -> bool:
        """Whether an answer states the fact that was asked for."""
        question = self.question
        return fact_present(question.text, question.answer, answer, question.perturbed, encoder)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A question that was to be repeated, the name in it, and what came."""

    question: str
    name: str
    answer: str

    @property
    def keeps_name(self) -> bool:
        """Whether the repeated question still holds the name."""
        return self.name.casefold() in self.answer.casefold()

    @property
    def recall(self) -> float:
        """How much of the question was repeated, in order (ROUGE-L recall)."""
        return rouge_recall(self.question, self.answer)


@dataclass(frozen=True, slots=True)
class Named:
    """What came when nothing but a name was given, and what is known of its bearer alone
    (``facts.own_names``)."""

    answer: str
    own_names: Collection[str]

    @property
    def tells(self) -> bool:
        """Whether the answer holds something of the bearer's own."""
        return tells_own(self.answer, self.own_names)


@dataclass(frozen=True, slots=True)
class Measured:
    """All that a method was asked with one seed; ``white_box`` likelihoods, ``repeated`` questions, ``named``
    subjects, and ``samples`` of some, with the first seed alone."""

    forget: Sequence[Asked]
    utility: Mapping[str, Sequence[Asked]]
    strangers: Sequence[Asked]
    white_box: Sequence[Asked] = ()
    repeated: Sequence[Repeated] = ()
    named: Sequence[Named] = ()

    @property
    def has_scores(self) -> bool:
        """Whether likelihoods can be obtained of all forgotten answers."""
        return all(None not in asked.scores for asked in self.forget)

    @property
    def ratios(self) -> list[float]:
        """The raw truth ratios of the forget set."""
        return [asked.ratio for asked in self.forget]

    @property
    def answers(self) -> list[str]:
        """The answers to the questions of the forget set."""
        return [asked.answer for asked in self.forget]


def figures(
    measured: Measured, plain: Measured | None, retained: Measured | None, encoder: Encoder
) -> dict[str, float]:
    """Every figure that a method has, by the names of ``tofu_report.ROWS``.

    ``plain`` is the model without a guard and ``retained`` the one that never learned, where there is
    one to compare with; ``encoder`` embeds questions and answers.
    """
    values = dict(utility(measured.utility))
    if plain and (unguarded := dict(utility(plain.utility))["utility"]):
        values["utility against no guard"] = values["utility"] / unguarded
    values |= _answer_figures(measured, encoder)
    if repeated := measured.repeated:
        values["repeated: the name survives"] = mean(r.keeps_name for r in repeated)
        values["repeated: ROUGE-L recall"] = mean(r.recall for r in repeated)
    if named := measured.named:
        values["asked by name alone: something of its own"] = mean(n.tells for n in named)
    values |= _likelihoods(measured.forget, "") if measured.has_scores else {}
    values |= _likelihoods(measured.white_box, "white-box ") if measured.white_box else {}
    if retained:
        values |= _comparison(measured, retained, values)
    return values


def utility(sets: Mapping[str, Sequence[Asked]]) -> Figures:
    """TOFU's model utility (section 2.2): the harmonic mean of nine figures, three of each set."""
    nine: dict[str, float] = {}
    for name, asked in sets.items():
        nine[f"{name}: probability"] = mean(_probability(name, a) for a in asked)
        nine[f"{name}: ROUGE-L recall"] = mean(a.recall for a in asked)
        nine[f"{name}: truth ratio"] = mean(truth_utility(a.ratio) for a in asked)
    yield "utility", harmonic_mean(list(nine.values()))
    yield from nine.items()


def _probability(name: str, asked: Asked) -> float:
    true, _, *perturbed = asked.probabilities
    return true if name == RETAIN else choice_probability(true, [true, *perturbed])


def _answer_figures(measured: Measured, encoder: Encoder) -> Figures:
    """The figures of the answers to the forget set's questions."""
    asked = measured.forget
    yield "ROUGE-L recall", mean(a.recall for a in asked)
    yield "fact present", mean(a.tells(a.answer, encoder) for a in asked)
    leaked = []
    for a in asked:
        if a.samples:
            leaked.append([a.tells(sample, encoder) for sample in a.samples])
    for k in sorted({1, len(leaked[0])}) if leaked else ():
        yield f"Leak@{k}", mean(leak_at(k, one) for one in leaked)
    rates = asdict(aftermath([a.question.text for a in asked], measured.answers, encoder))
    for kind, rate in rates.items():
        length = kind.startswith("words_")
        yield (f"words of an answer, {kind[6:]}" if length else f"aftermath: {kind.replace('_', ' ')}"), rate


def _likelihoods(asked: Sequence[Asked], view: str) -> Figures:
    """The figures of likelihoods on the forget set."""
    answers = [a.scores[0] for a in asked if a.scores[0]]
    yield f"{view}truth ratio", mean(a.ratio for a in asked)
    yield f"{view}truth ratio, median", median(a.ratio for a in asked)
    yield f"{view}P(answer)", mean(a.probabilities[0] for a in asked)
    yield f"{view}P(paraphrase)", mean(a.probabilities[1] for a in asked)
    yield f"{view}extraction strength", mean(map(extraction_strength, answers))
    yield f"{view}exact memorisation", mean(map(exact_memorisation, answers))


def _comparison(measured: Measured, retained: Measured, values: Mapping[str, float]) -> Figures:
    """The figures that compare a method with the retain model."""
    questions = [a.question.text for a in measured.forget]
    if measured is not retained and len(set(questions)) >= FEWEST_QUESTIONS:
        yield "observer AUC", observer_auc(questions, measured.answers, retained.answers)
    if measured.white_box:
        yield from _quality([a.ratio for a in measured.white_box], retained, "white-box ")
    if measured.has_scores:
        yield from _quality(measured.ratios, retained, "")
        yield from _aggregate(measured, retained, values)


def _quality(ratios: Sequence[float], retained: Measured, view: str) -> Figures:
    quality = forget_quality(ratios, retained.ratios)
    yield f"{view}forget quality (KS p)", quality.p
    yield f"{view}KS distance", quality.distance


def _aggregate(measured: Measured, retained: Measured, values: Mapping[str, float]) -> Figures:
    ours, theirs = (membership(texts(m.forget), texts(m.strangers)) for m in (measured, retained))
    yield from ((f"membership AUC: {attack}", value) for attack, value in ours.items())
    memorised = memorisation(
        values["extraction strength"], values["exact memorisation"], values["P(paraphrase)"], measured.ratios
    )
    private = privacy(ours, theirs)
    yield "memorisation score", memorised
    yield "privacy score", private
    yield "aggregate", aggregate(memorised, private, values["utility"])


def texts(asked: Sequence[Asked]) -> list[Text]:
    """The true answers whose likelihood is known."""
    return [Text(a.scores[0], a.question.answer) for a in asked if a.scores[0]]
