"""The commands that list remedies and package measured rates."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from bumperlane.cli.main import cli
from bumperlane.errors import BadInput


def test_remedies_are_listed() -> None:
    ended = CliRunner().invoke(cli, ["remedies"], env={"COLUMNS": "200"})
    assert ended.exit_code == 0 and "drop_rows" in ended.output and "can break" in ended.output


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("[1")
    ended = CliRunner().invoke(cli, ["bench", "convergence", str(path)])
    assert isinstance(ended.exception, BadInput) and "bench loop" in str(ended.exception)
