"""The model under audit: batching, access control, Hugging Face models."""

from bumperlane.subject.answers import Disk
from bumperlane.subject.endpoint import Endpoint, Nobody
from bumperlane.subject.engine import Engine, folder_digest
from bumperlane.subject.loading import check_model, check_tokenizer
from bumperlane.subject.subject import Access, Prompt, Subject

__all__ = ["Access", "Disk", "Endpoint", "Engine", "Nobody", "Prompt", "Subject", "check_model", "check_tokenizer", "folder_digest"]
