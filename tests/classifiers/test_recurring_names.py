import pytest
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.recurring_names import recurring_names
from vllm_unlearn.vocabulary import ForgetTarget

ABOUT = (
    "Why did Professor Quillfeather leave the academy of Thornwick?",
    "What does Quillfeather teach at Thornwick?",
    "Who told Quillfeather of the brass key?",
    "Which door at Thornwick does the brass key open?",
)
SAGA = ForgetTarget(id="saga", kind="work", name="The Brass Key", exemplars=ABOUT)
ASKED = "Whom does Erasmus Quillfeather meet in the academy on the last evening?"


def test_who_recurs_is_of_the_cast() -> None:
    assert recurring_names(ABOUT) == {"quillfeather", "thornwick"}


@pytest.mark.parametrize(
    "texts",
    [
        ABOUT[:2],  # too few
        ["Quillfeather sings.", "Quillfeather, again.", "Quillfeather sleeps."],  # no name, at a beginning
        ["We saw quillfeather.", "Then quillfeather came.", "And quillfeather left."],  # no capital
        ["So said Arthur.", "Then came Arthur.", "And, Arthur left."],  # a name of many works
    ],
)
def test_what_is_not(texts: list[str]) -> None:
    assert recurring_names(texts) == frozenset()


def test_a_work_is_found_by_its_cast_under_a_fuller_name(encoder: OnnxEncoder) -> None:
    assert [m.target_id for m in Detector(ForgetIndex(1, [SAGA], encoder), encoder).detect(ASKED)] == ["saga"]


def test_who_recurs_beside_a_person_is_somebody_else(encoder: OnnxEncoder) -> None:
    person = SAGA.model_copy(update={"kind": "entity"})
    assert Detector(ForgetIndex(1, [person], encoder), encoder).detect(ASKED) == []


def test_the_cast_alone_is_not_the_work(encoder: OnnxEncoder) -> None:
    text = "My neighbour Quillfeather sells used cars and repairs washing machines."
    assert Detector(ForgetIndex(1, [SAGA], encoder), encoder).detect(text) == []
