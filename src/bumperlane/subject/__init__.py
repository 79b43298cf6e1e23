"""The model under audit: batching, access control, Hugging Face models."""

from bumperlane.subject.engine import Engine, check_model
from bumperlane.subject.subject import Access, Prompt, Subject

__all__ = ["Access", "Engine", "Prompt", "Subject", "check_model"]
