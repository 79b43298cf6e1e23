"""Of what an audit shows, only rows of the training become suspects."""

from __future__ import annotations

from bumperlane.diagnosis.flagged_rows import flagged_rows
from bumperlane.diagnosis.training_run import KeptCheckpoint, StageRun, TrainingRun
from bumperlane.records import Case, Exhibit, Stage


def test_what_an_audit_shows_besides_rows_names_none() -> None:
    stage = Stage(name="sft", kind="sft", rows="r")
    rows = tuple(
        (
            f"{i}",
            {
                "messages": [
                    {"role": "user", "content": f"q {i}"},
                    {"role": "assistant", "content": "a"},
                ]
            },
        )
        for i in range(4)
    )
    run = TrainingRun((StageRun(stage, "parent", (KeptCheckpoint(7, "end"),), rows),))

    def shown(outcomes: dict[str, list[float]]) -> list[Case]:
        entries = [(question, outcome) for question, found in outcomes.items() for outcome in found]
        return [
            Case(
                outcome=o, exhibit=Exhibit(prompt=[{"role": "user", "content": q}], completion="a")
            )
            for q, o in entries
        ]

    (one,) = flagged_rows(
        lambda *_: shown({"q 1": [1, 1, 0], "q 2": [1, 0, 0], "elsewhere": [1]}),
        "row_traits",
        "end",
        run,
    )
    assert (one.evidence["drawn"], one.evidence["of"]) == (2, 4)
    assert one.rows == ("1",) and one.scores[0] == 2 / 3 and one.stage == "sft"
    assert flagged_rows(lambda *_: shown({"elsewhere": [1, 1]}), "row_traits", "end", run) == ()
