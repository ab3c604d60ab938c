from __future__ import annotations

import json

from commands import Run
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

ANN, BEN, CY = (ForgetTarget(id=name.lower(), name=name) for name in ("Ann", "Ben", "Cy"))


def test_what_changed_is_shown(run: Run, store: Store) -> None:
    store.forget([ANN, BEN])
    store.forget([ANN.model_copy(update={"note": "n"}), CY], replace=True)
    store.remember(["ben"])
    lines = run("diff", "1", "3").output.splitlines()
    assert lines[0] == "generation 1 to 3: 1 came, 1 went, 1 changed"
    rows = [line.split("\t") for line in lines[2:]]
    assert [row[:2] for row in rows] == [
        ["came", "cy"],
        ["went", "ben"],
        ["changed", "ann"],
    ]
    assert rows[-1][-1] == "note"
    told = json.loads(run("diff", "1", "3", "--json").output)
    assert (told["before"], told["after"]) == (1, 3)
    assert [[t["id"] for t in told[what]] for what in ("came", "went", "changed")] == [
        ["cy"],
        ["ben"],
        ["ann"],
    ]
    assert told["changed"][0]["after"] == {"id": "ann", "name": "Ann", "note": "n"}
    assert "no generation 9; the newest is 3" in run("diff", "1", "9", exit_code=1).output


def test_a_rollback_says_what_it_did(run: Run, store: Store) -> None:
    store.forget([ANN, BEN])
    store.remember(["ben"])
    store.forget([CY])
    output = run("rollback", "1").output
    assert "generation 4 lists what generation 1 did: 1 came, 1 went, 0 changed" in output
    assert "no server runs on this store" in output
    assert store.targets() == (ANN, BEN)
    assert "rollback to 1" in run("log").output
    assert "no generation 9; the newest is 4" in run("rollback", "9", exit_code=1).output
