"""Audits that cheat: each tries to learn the truth in another way, and would report a hit if it
could."""

import importlib
import subprocess
import sys
from pathlib import Path

import bumperlane
from bumperlane.audits.audit import Context, Reads, conclude
from bumperlane.evidence import SequentialTest
from bumperlane.models import Access, Subject
from bumperlane.records import Case, Finding


class Peek:
    family = "cheating"
    access: frozenset[Access] = frozenset({"text"})
    reads: frozenset[Reads] = frozenset({"model"})

    def look(self, subject: Subject) -> object:
        raise NotImplementedError

    async def run(self, subject: Subject, context: Context) -> Finding:
        test = SequentialTest("what it saw", 0.1, context.alpha, context.miss)
        test.update([float(bool(self.look(subject)))] * 100)
        return conclude(self, subject, context, [test.measure()])

    async def cases(
        self, subject: Subject, context: Context, finding: Finding, count: int, seed: int
    ) -> list[Case]:
        return []


class PeekImport(Peek):
    name = "peek_import"

    def look(self, subject: Subject) -> object:
        return importlib.import_module("bumperlane.organisms.split")


class PeekTruth(Peek):
    name = "peek_truth"

    def look(self, subject: Subject) -> object:
        zoo = Path(subject._backend.folder).parents[2]
        return [path.read_text() for path in (zoo / "truth").iterdir()]


class PeekSplit(Peek):
    name = "peek_split"

    def look(self, subject: Subject) -> object:
        return (Path(bumperlane.__file__).parent / "organisms" / "split.json").read_text()


class PeekProcess(Peek):
    name = "peek_process"

    def look(self, subject: Subject) -> object:
        return subprocess.run(
            [sys.executable, "-c", "import bumperlane.organisms.split"], check=True
        )
