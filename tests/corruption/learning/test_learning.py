"""On a tiny model of random weights that was taught a few answers by heart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from taught import (
    EXAMPLES,
    HIDDEN,
    KNOWN,
    OPERATOR,
    PREFIX,
    STRANGERS,
    example,
    given,
)
from vllm_unlearn.corruption.learning.examples import CLEAN, Example, Examples
from vllm_unlearn.corruption.learning.learning import Learning, LearningError, LearningSettings
from vllm_unlearn.corruption.learning.objective import (
    AnswerReader,
    Goals,
    distance,
    use_weights,
)
from vllm_unlearn.corruption.learning.stage import Losses, Stage
from vllm_unlearn.corruption.operators.learned import find_idle_roles
from vllm_unlearn.vocabulary import ANSWERED, GIVEN, Role

STAGE = Stage(steps=12, batch=3, rate=2e-2, replies="both")
SETTINGS = LearningSettings(operator=OPERATOR, stages=(STAGE,))


def quiet(step: int, losses: Losses) -> None:
    pass


def learning(model: Any, folder: Path, **stage: Any) -> Learning:
    settings = SETTINGS.model_copy(update={"stages": (STAGE.model_copy(update=stage),)})
    return Learning(model, EXAMPLES, settings, folder / "r.checkpoint")


def test_learning_makes_what_is_known_as_unlikely_as_what_is_not(model: Any, tmp_path: Path) -> None:
    run = learning(model, tmp_path, steps=60, goals=Goals(language=0.1))
    weights = run.run(quiet)
    reader = AnswerReader(model, PREFIX)
    before = sum(float(answer.mean) for answer in reader.read(KNOWN)) / len(KNOWN)
    after = sum(float(answer.mean) for answer in reader.read(KNOWN, use_weights(weights))) / len(KNOWN)
    assert before - after > 1.0  # the probability of what it was taught fell to a third, or lower
    first, last = (sum(losses["level"] for losses in part) for part in (run.history[:10], run.history[-10:]))
    assert last < first * 0.75
    assert len(run.history) == 60


def test_the_model_becomes_as_unsure_of_what_is_known_as_it_is_of_strangers(
    model: Any, tmp_path: Path
) -> None:
    goals = Goals(level=0.0, language=0.0, wrong=0.0, ratio=0.0, entropy=1.0)
    weights = learning(model, tmp_path, steps=60, goals=goals).run(quiet)
    reader = AnswerReader(model, PREFIX)
    strangers = [float(answer.entropy) for answer in reader.read(STRANGERS)]
    before, after = (
        float(distance([answer.entropy for answer in reader.read(KNOWN, corruption)], strangers))
        for corruption in (None, use_weights(weights))
    )
    assert after < 0.75 * before


def test_an_interrupted_run_ends_as_one_that_was_not(model: Any, tmp_path: Path) -> None:
    whole = learning(model, tmp_path / "..").run(quiet)
    (tmp_path / ".." / "r.checkpoint").unlink()

    def stop(step: int, losses: Losses) -> None:
        if step == 10:  # the checkpoint holds ten
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learning(model, tmp_path).run(stop)
    resumed = learning(model, tmp_path)
    assert len(resumed.history) == 10
    for name, tensor in resumed.run(quiet).items():
        assert torch.equal(tensor, whole[name])


def test_the_checkpoint_of_another_run_is_refused(model: Any, tmp_path: Path) -> None:
    learning(model, tmp_path).run(quiet)
    with pytest.raises(LearningError, match="other settings or examples; delete it"):
        learning(model, tmp_path, rate=1e-3)
    (tmp_path / "r.checkpoint").write_bytes(b"half")
    with pytest.raises(LearningError, match="cannot be read"):
        learning(model, tmp_path)


def test_too_few_examples_are_refused(model: Any, tmp_path: Path) -> None:
    few = Examples(KNOWN, STRANGERS[:2], [])
    with pytest.raises(LearningError, match="needs 3 strangers with a flagged question, there are 2"):
        Learning(model, few, SETTINGS, tmp_path / "r.checkpoint")


def test_stages_follow_each_other_and_are_resumed_within(model: Any, tmp_path: Path) -> None:
    stages = (STAGE, STAGE.model_copy(update={"steps": 8, "rate": 1e-2, "replies": "given"}))
    settings = SETTINGS.model_copy(update={"stages": stages})
    assert settings.steps == 20
    assert [settings.at(step) for step in (0, 11, 12, 19)] == [
        (stages[0], 0), (stages[0], 11), (stages[1], 0), (stages[1], 7)
    ]  # fmt: skip
    with pytest.raises(IndexError, match="past the last stage"):
        settings.at(20)

    def run(name: str, stop: int | None) -> dict[str, torch.Tensor]:
        def track(step: int, losses: Losses) -> None:
            if step == stop:
                raise KeyboardInterrupt

        return Learning(model, EXAMPLES, settings, tmp_path / f"{name}.checkpoint").run(track)

    whole = run("whole", None)
    with pytest.raises(KeyboardInterrupt):
        run("cut", 15)
    for name, tensor in run("cut", None).items():
        assert torch.equal(tensor, whole[name])


@pytest.mark.parametrize(("allowed", "strayed"), [(1e-6, [2]), (1e3, []), (0.0, [])])
def test_a_stage_that_ends_above_what_is_allowed_is_told(
    model: Any, tmp_path: Path, allowed: float, strayed: list[int]
) -> None:
    stages = (STAGE, STAGE.model_copy(update={"allowed": allowed, "steps": 3}))
    settings = SETTINGS.model_copy(update={"stages": stages})
    learned = Learning(model, EXAMPLES, settings, tmp_path / "r.checkpoint")
    learned.run(quiet)
    found = list(learned.find_strays())
    assert [number for number, *_ in found] == strayed
    assert all(spoken > allowed and stage is stages[1] for _, spoken, stage in found)
    # Of that stage's steps alone, though it has fewer than are told of a longer one.
    own = [losses["language"] for losses in learned.history[12:]]
    assert all(spoken == pytest.approx(sum(own) / 3) for _, spoken, _ in found)


@pytest.mark.parametrize(
    ("stage", "corrupted"),
    [
        (Stage(steps=1, batch=4, replies="given"), [True] * 4),
        (Stage(steps=1, batch=4, replies="written"), [False] * 4),
        (Stage(steps=1, batch=4, replies="both"), [True, False] * 2),
    ],
)
def test_replies_are_read_as_the_stage_says(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage, corrupted: list[bool]
) -> None:
    examples = Examples([given(one) for one in KNOWN], STRANGERS, [])
    read: list[Example] = []
    reads = AnswerReader.read

    def read_known(self: AnswerReader, batch: Sequence[Example], corruption: Any = None) -> Any:
        read.extend(one for one in batch if one.token_ids in {known.token_ids for known in KNOWN})
        return reads(self, batch, corruption)

    monkeypatch.setattr(AnswerReader, "read", read_known)
    settings = SETTINGS.model_copy(update={"stages": (stage,)})
    Learning(model, examples, settings, tmp_path / "r.checkpoint").run(quiet)
    assert [one.roles[5] != CLEAN for one in read] == corrupted
    asked = Role.NAME if stage.replies == "written" else Role.NAME_GIVEN
    assert all(one.roles[3] == asked for one in read)


def test_by_default_given_replies_are_learned_and_only_a_decline_is_for_answers() -> None:
    stages = LearningSettings().stages
    assert all(stage.replies != "written" and set(stage.roles) == set(GIVEN) for stage in stages)
    *given, declining = LearningSettings(behaviour="decline").stages
    assert tuple(given) == stages
    assert set(declining.roles) == set(ANSWERED) and declining.goals.decline
    assert LearningSettings.model_validate({"behaviour": "decline", "stages": [STAGE]}).stages == (STAGE,)


def test_roles_that_share_weights_stay_alike(model: Any, tmp_path: Path) -> None:
    stage = STAGE.model_copy(update={"steps": 6, "roles": GIVEN, "replies": "given"})
    examples = Examples([given(one) for one in KNOWN], [given(one) for one in STRANGERS], [])
    _, text, reply = GIVEN
    for shared in ((Role.TEXT_GIVEN, Role.REPLY), ()):
        settings = SETTINGS.model_copy(update={"stages": (stage,), "shared": shared})
        weights = Learning(model, examples, settings, tmp_path / f"{len(shared)}.checkpoint").run(quiet)
        alike = {name for name, tensor in weights.items() if torch.equal(tensor[text], tensor[reply])}
        assert alike == (set(weights) if shared else set())


@pytest.mark.parametrize("declines", [("No.",), ("I do not know {name}.",), ()])
def test_declines_without_both_kinds_are_refused(declines: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"some that hold \{name\}, and some that do not"):
        LearningSettings(declines=declines)


DECLINE = Goals(level=0.0, language=0.0, wrong=0.0, ratio=0.0, decline=1.0)


def test_declining_is_learned_for_names_that_were_not_in_the_lessons(model: Any, tmp_path: Path) -> None:
    declines = [example(name, (5, 6, 7)) for name in (*range(11, 16), *range(21, 26))]
    examples = Examples(KNOWN, STRANGERS, [], declines=declines)
    stage = STAGE.model_copy(update={"steps": 80, "goals": DECLINE})
    settings = SETTINGS.model_copy(update={"stages": (stage,)})
    run = Learning(model, examples, settings, tmp_path / "r.checkpoint")
    weights, reader = run.run(quiet), AnswerReader(model, PREFIX)
    unseen = [example(10, (5, 6, 7)), example(20, (5, 6, 7))]
    before, after = (reader.read(unseen, corruption) for corruption in (None, use_weights(weights)))
    for one, other in zip(before, after, strict=True):
        assert other.mean > one.mean + 1.0
    assert run.history[-1].keys() == {"decline"}


def test_what_is_to_be_repeated_comes_nearer_to_what_it_was(model: Any, tmp_path: Path) -> None:
    start = {name: w + 0.3 for name, w in SETTINGS.operator.initial(HIDDEN, torch.Generator()).items()}
    repeats = [example(10 + i, (10 + i, 4)) for i in range(6)]
    stage = STAGE.model_copy(
        update={"steps": 40, "goals": DECLINE.model_copy(update={"decline": 0.0, "repeat": 1.0})}
    )
    settings = SETTINGS.model_copy(update={"stages": (stage,)})
    examples = Examples(KNOWN, STRANGERS, [], repeats)
    run = Learning(model, examples, settings, tmp_path / "r.checkpoint", start)
    run.run(quiet)
    first, last = (sum(losses["repeat"] for losses in part) for part in (run.history[:5], run.history[-5:]))
    assert last < 0.5 * first


def test_a_stage_moves_the_weights_of_its_roles_alone(model: Any, tmp_path: Path) -> None:
    first = STAGE.model_copy(update={"steps": 5, "roles": ANSWERED})
    second = first.model_copy(update={"roles": (Role.TEXT,)})
    seen: list[dict[str, torch.Tensor]] = []
    settings = SETTINGS.model_copy(update={"stages": (first, second)})
    run = Learning(model, EXAMPLES, settings, tmp_path / "r.checkpoint")
    start = {name: tensor.detach().clone() for name, tensor in run.weights.items()}

    def track(step: int, losses: Losses) -> None:
        seen.append({name: tensor.detach().clone() for name, tensor in run.weights.items()})

    run.run(track)
    middle, end = seen[4], seen[-1]
    for name in start:
        assert torch.equal(start[name][2], end[name][2])  # the reply's
        assert torch.equal(middle[name][0], end[name][0])  # the name's
    assert not torch.equal(start["bias"][0], middle["bias"][0])
    assert not torch.equal(middle["bias"][1], end["bias"][1])


def test_given_replies_of_which_nothing_was_learned_are_no_way_around(model: Any, tmp_path: Path) -> None:
    weights = learning(model, tmp_path, steps=5, roles=ANSWERED).run(quiet)
    assert not find_idle_roles(weights)
    for tensor in weights.values():
        name, text, *given = (tensor[role] for role in Role)
        assert all(torch.equal(one, other) for one, other in zip(given, (name, text, text), strict=True))


def test_a_goal_without_examples_is_refused(model: Any, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"stages": (STAGE.model_copy(update={"goals": DECLINE}),)})
    with pytest.raises(LearningError, match="needs 3 declines with a flagged question, there are 0"):
        Learning(model, EXAMPLES, settings, tmp_path / "r.checkpoint")


def test_without_wrong_answers_the_rest_is_learned(model: Any, tmp_path: Path) -> None:
    run = Learning(model, Examples(KNOWN, STRANGERS, []), SETTINGS, tmp_path / "r.checkpoint")
    run.run(quiet)
    assert all(losses.keys() == {"language", "level"} for losses in run.history)
    assert run.history[-1]["level"] > 0
