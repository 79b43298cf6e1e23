"""The model under audit: one loader, Hugging Face models and endpoints, requests answered together,
and the access that each audit declared."""

from bumperlane.models.answers import DiskCache
from bumperlane.models.endpoint import Endpoint, NoModel
from bumperlane.models.huggingface import HuggingFaceModel, folder_digest
from bumperlane.models.loading import check_model, check_tokenizer
from bumperlane.models.subject import Access, Prompt, Subject

__all__ = [
    "Access",
    "DiskCache",
    "Endpoint",
    "HuggingFaceModel",
    "NoModel",
    "Prompt",
    "Subject",
    "check_model",
    "check_tokenizer",
    "folder_digest",
]
