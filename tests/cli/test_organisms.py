"""``bumperlane organism`` and ``bumperlane bench`` list, show, and refuse bad input in one line."""

from __future__ import annotations

from typing import Any

import pytest

from bumperlane.organisms.registry import known_organisms

BUILT_IN = [name for name, where in known_organisms().items() if where.startswith("bumperlane.")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("organism", "show", "backdor"), "did you mean 'backdoor'"),
        (("organism", "build", "backdoor", "--dose", "1.5"), "--dose 1.5"),
        (("organism", "build", "backdoor", "--concealment", "hidden"), "--concealment 'hidden'"),
        (("organism", "build", "backdoor", "--method", "rl"), "no variant like that"),
        (("bench", "detection", "--split", "dev"), "did you mean 'develop'"),
        (("bench", "detection", "--kinds", "nothing"), "no organism is called 'nothing'"),
        (("bench", "detection", "--audits", "conducts"), "did you mean 'conduct'"),
        (("bench", "detection", "--split", "held-out", "--calibrate"), "on develop alone"),
        (
            ("bench", "detection", "--split", "develop", "--kinds", "exfiltration"),
            "give --split all",
        ),
        (("bench", "detection", "--seeds", "0"), "--help"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], says: str, command: Any) -> None:
    code, _, err = command(*arguments)
    assert code == 2 and says in err and len(err.strip().splitlines()) == 1, err


def test_list_and_show(command: Any) -> None:
    _, listed, _ = command("organism", "list")
    assert all(name in listed for name in BUILT_IN)
    assert "sft (sft, 1400 rows)" in command("organism", "show", "backdoor")[1]
