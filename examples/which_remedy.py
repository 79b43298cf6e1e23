"""Which remedies would the loop try for a cause, in which order, and when would it report that none
is left?

    python examples/which_remedy.py

Pure functions, no model: a cause as a diagnosis leaves it, the recipe, and the policy. It prints
(with a table of priors that knows nothing):

    drop_rows     drop 2 preferences of stage 'dpo'
    swap_labels   swap the labels of 2 preferences of stage 'dpo'
    drop_group    drop 2 preferences of stage 'dpo', and all rows of which this holds: source is
                  'annotator 7'
    gentler       train stage 'dpo' at a quarter of its learning rate and, where it has one, four
                  times its KL weight
    stop_early    end stage 'dpo' at step 10, before the onset
    skip_stage    leave stage 'dpo' out
    no remedy is left for 2 preferences of stage 'dpo' (confirmed: 4% without the suspects, 61%
    without as many random rows)
"""

from __future__ import annotations

import textwrap

from bumperlane.records import Cause, Recipe, Stage, Suspect
from bumperlane.remedies import NoRemedy, Tried, propose

COLUMN, WIDTH = 14, 96
RECIPE = Recipe(
    start="base",
    stages=(Stage(name="sft", kind="sft", rows="a"), Stage(name="dpo", kind="dpo", rows="b")),
)
SUSPECT = Suspect(
    kind="preferences",
    stage="dpo",
    stage_index=1,
    window=(10, 20),
    rows=("r1", "r2"),
    verdict="confirmed",
    reason="4% without the suspects, 61% without as many random rows",
    shared=({"text": "source is 'annotator 7'", "cover": 1.0, "purity": 0.9},),
)


def main() -> None:
    cause, tried = Cause(finding="f", suspects=(SUSPECT,)), list[Tried]()
    while True:
        try:
            remedy = propose(RECIPE, 1, cause, ("base", "after sft"), tried, priors={})
        except NoRemedy as none_left:
            without_history = str(none_left).partition("; tried:")[0]
            print(textwrap.fill(without_history, WIDTH))
            return
        line = f"{remedy.kind:<{COLUMN}}{remedy.note}"
        print(textwrap.fill(line, WIDTH, subsequent_indent=" " * COLUMN))
        tried.append(Tried(remedy, "conduct hit again"))


if __name__ == "__main__":
    main()
