"""Stages of training: adapters to TRL, each run in a process of its own (or, small ones, in this).
No trainer is written here."""

from bumperlane.training.here import HereRun, run_here
from bumperlane.training.job import Job, as_worker, audit_step, end_with_parent
from bumperlane.training.launcher import Run, run_all
from bumperlane.training.rewards import load_reward, load_rollout
from bumperlane.training.rows import KINDS, conversation, question, read_rows

__all__ = [
    "KINDS",
    "HereRun",
    "Job",
    "Run",
    "as_worker",
    "audit_step",
    "conversation",
    "end_with_parent",
    "load_reward",
    "load_rollout",
    "question",
    "read_rows",
    "run_all",
    "run_here",
]
