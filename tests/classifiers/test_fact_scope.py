import numpy as np
import pytest
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.evidence import THRESHOLD
from vllm_unlearn.classifiers.fact_scope import FactScope, clauses, leave_out
from vllm_unlearn.classifiers.templates import UNRELATED

PRIVATE = ["Where does this person live?", "Who are this person's parents?", "What is this person's email?"]
PUBLIC = [
    "Which prizes did this person win?",
    "What is this person's best novel about?",
    "Who is this person?",
]


@pytest.fixture(scope="module")
def scope(encoder: OnnxEncoder) -> FactScope:
    return FactScope(*(encoder.encode(texts) for texts in (PRIVATE, PUBLIC, UNRELATED)))


def test_its_own_texts_lie_on_their_sides(scope: FactScope, encoder: OnnxEncoder) -> None:
    assert (scope.scores(encoder.encode(PRIVATE)) >= THRESHOLD).all()
    assert (scope.scores(encoder.encode([*PUBLIC, *UNRELATED])) < THRESHOLD).all()


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("In which street is the home of this person?", True),
        ("What is the name of this person's mother?", True),
        ("Did this person win the Booker prize?", False),
        ("What do critics say about the novels of this person?", False),
    ],
)
def test_unseen_questions(scope: FactScope, encoder: OnnxEncoder, text: str, inside: bool) -> None:
    assert (scope.scores(encoder.encode([text]))[0] >= THRESHOLD) == inside


def test_how_many_texts_a_side_has_does_not_matter(encoder: OnnxEncoder) -> None:
    inside, outside, unrelated = (encoder.encode(texts) for texts in (PRIVATE, PUBLIC, UNRELATED))
    once = FactScope(inside, outside, unrelated)
    often = FactScope(np.concatenate([inside] * 3), outside, unrelated)
    asked = encoder.encode(["Where is the house of this person?"])
    assert abs(once.scores(asked)[0] - often.scores(asked)[0]) < 0.1


def test_both_ways_to_solve_agree() -> None:
    """More texts than dimensions, and fewer (with zeros for more dimensions)."""
    chance = np.random.default_rng(0)
    inside, outside, unrelated = (chance.normal(size=(9, 4)).astype(np.float32) for _ in range(3))
    asked = chance.normal(size=(5, 4)).astype(np.float32)
    wide = [np.pad(x, ((0, 0), (0, 60))) for x in (inside, outside, unrelated, asked)]
    few = FactScope(inside, outside, unrelated).scores(asked)
    many = FactScope(*wide[:3]).scores(wide[3])
    assert np.allclose(few, many, atol=1e-5)
    assert few.min() < few.max()


def test_no_texts_outside_is_no_error(encoder: OnnxEncoder) -> None:
    inside, unrelated = encoder.encode(PRIVATE), encoder.encode(UNRELATED)
    scope = FactScope(inside, encoder.encode([]), unrelated)
    assert scope.scores(inside).min() > scope.scores(unrelated).max()


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], "Ada Example and Ada"),
        ([(0, 11)], "this person and Ada"),
        ([(16, 19), (0, 3), (0, 11), (4, 11)], "this person and this person"),
        ([(0, 19)], "this person"),
    ],
)
def test_names_are_left_out(spans: list[tuple[int, int]], expected: str) -> None:
    assert leave_out("Ada Example and Ada", spans, "entity") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is the hotel?", []),
        ("Where does he live?", ["Where does this person live?"]),
        ("And HER mother?", ["And this person's mother?", "this person's mother?"]),
        (
            "Which prizes did this person win, and where does she live, in Rome?",
            [
                "Which prizes did this person win, and where does she live, in Rome?",
                "Which prizes did this person win",
                "where does this person live",
            ],
        ),
    ],
)
def test_clauses_that_speak_of_somebody(text: str, expected: list[str]) -> None:
    assert clauses(text, "entity") == expected
