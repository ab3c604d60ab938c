from __future__ import annotations

from vllm_unlearn.corruption.learning.examples import CLEAN, Batch, Example, Examples, Pair
from vllm_unlearn.vocabulary import FlaggedToken, Role


def example(tokens: list[int], roles: list[int], start: int) -> Example:
    return Example(tuple(tokens), start, tuple(roles))


SHORT = example([1, 2, 5, 6], [CLEAN, CLEAN, 0, CLEAN], 3)
LONG = example([1, 2, 7, 8, 9, 3], [CLEAN, CLEAN, 1, 1, CLEAN, 0], 4)


def test_places_count_from_the_start_of_each_run() -> None:
    roles = [CLEAN, 0, 1, 1, CLEAN, 0, CLEAN, 1, 1]
    batch = Batch.pad([example(list(range(9)), roles, 8), SHORT])
    assert batch.places[0].tolist() == [0, 0, 1, 2, 0, 0, 0, 0, 1]
    assert batch.places[1].tolist() == [0] * 9


def test_flagged_tokens_have_their_role_and_place() -> None:
    assert LONG.flag() == [
        FlaggedToken(2, "lesson", Role.TEXT),
        FlaggedToken(3, "lesson", Role.TEXT, place=1),
        FlaggedToken(5, "lesson", Role.NAME),
    ]


def test_a_batch_is_padded_at_the_end() -> None:
    batch = Batch.pad([SHORT, LONG])
    assert batch.token_ids.tolist() == [[1, 2, 5, 6, 0, 0], [1, 2, 7, 8, 9, 3]]
    assert batch.attention.tolist() == [[1, 1, 1, 1, 0, 0], [1] * 6]
    assert batch.roles[0].tolist() == [CLEAN, CLEAN, 0, CLEAN, CLEAN, CLEAN]


def test_a_generated_answer_is_clean_and_its_question_is_not() -> None:
    assert LONG.with_written_answer() == example([1, 2, 7, 8, 9, 3], [CLEAN, CLEAN, 1, 1, CLEAN, CLEAN], 4)
    given = [CLEAN, Role.NAME_GIVEN, Role.TEXT_GIVEN, Role.REPLY, Role.REPLY, Role.NAME_GIVEN]
    asked = example([1, 2, 7, 8, 9, 3], given, 4).with_written_answer()
    assert asked.roles == (CLEAN, 0, 1, CLEAN, CLEAN, CLEAN)


def test_the_prefix_is_what_all_share_unflagged() -> None:
    assert Examples([SHORT], [LONG], []).prefix == 2
    other = example([1, 9, 5, 6], [CLEAN, CLEAN, 0, CLEAN], 3)
    assert Examples([SHORT], [LONG], [Pair(SHORT, (other,))]).prefix == 1
    flagged = example([1, 2, 5, 6], [0, CLEAN, 0, CLEAN], 3)
    assert Examples([SHORT], [flagged], []).prefix == 0


def test_the_prefix_leaves_the_token_from_which_the_answer_is_read() -> None:
    short = example([1, 2, 3], [CLEAN] * 3, 2)
    assert Examples([short], [short], []).prefix == 1
