"""The committed pack of the microworld is what its script makes."""

from __future__ import annotations

from pathlib import Path

from bumperlane.audits.pack_files import PACKS
from bumperlane.organisms.microworld import pack as micro


def test_the_committed_pack_is_what_its_script_makes(tmp_path: Path) -> None:
    micro.write(tmp_path / "micro.json")
    assert (tmp_path / "micro.json").read_text() == (PACKS / "micro.json").read_text()
