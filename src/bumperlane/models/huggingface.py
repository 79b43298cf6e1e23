"""A Hugging Face causal language model, loaded once, that answers requests.

Shape legend: N requests, T tokens, V vocabulary, L layers, H width. Invariant: answers come back in
the order of the requests and do not depend on what shared their batch, beyond floating-point noise;
what is not finite is an error, never a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bumperlane.errors import BadInput
from bumperlane.models import library_generation
from bumperlane.models.answers import Answer, AnswerCache, DiskCache
from bumperlane.models.forward import ForwardPasses, can_share
from bumperlane.models.generation import Decoder
from bumperlane.models.hooks import decoder_blocks, pushed, self_test
from bumperlane.models.loading import load
from bumperlane.models.prefix_sharing import WORTH
from bumperlane.models.requests import ForwardRequest, GenerationRequest, Ids, Request, shareable
from bumperlane.models.scheduler import Scheduler

REMEMBERED = 100_000  # rendered prompts
Chat = tuple[tuple[str, str], ...]


class HuggingFaceModel:
    """A Hugging Face causal LM from a local folder. Raises ``BadInput`` for a folder that is none,
    or has no chat template.

    ``share`` off computes every row whole and lets the library generate completions (for
    comparison, and for architectures whose cache cannot be shared, where it goes off by itself).
    ``disk``: answers are kept there. ``loaded``: model and tokenizer that are in memory already.
    """

    offers = frozenset({"text", "logprobs", "activations", "weights", "gradients", "data"})

    def __init__(
        self,
        folder: Path,
        device: str | None = None,
        share: bool = True,
        disk: DiskCache | None = None,
        loaded: Any = None,
    ) -> None:
        self.folder = folder
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.tokenizer = loaded or load(folder, self.device)
        self.adapter_off = False
        self.steering: tuple[int, torch.Tensor] | None = None
        self.depth = len(decoder_blocks(self.model))
        self_test(self.model)
        self.forward_passes = ForwardPasses(self.model, self._pad(), WORTH if share else 0)
        self.share = share and can_share(self.forward_passes)
        self.forward_passes.tokens = 0
        self.forward_passes.worth = WORTH if self.share else 0
        self.decoder = Decoder(self.forward_passes, self._ends())
        self.identity = f"{folder_digest(folder)}{'' if self.share else '/plain'}"
        self.scheduler = Scheduler(self.answer, AnswerCache(self.identity, disk), merge=share)
        self._rendered = lru_cache(REMEMBERED)(self._render)
        self._completion = lru_cache(REMEMBERED)(self._split)

    @property
    def tokens(self) -> int:
        """Tokens that went through the model so far."""
        return self.forward_passes.tokens

    def parent(self, disk: DiskCache | None = None) -> HuggingFaceModel:
        """The model beneath this adapter, in the same memory. Raises ``BadInput`` for a model that
        is no adapter."""
        if not hasattr(self.model, "disable_adapter"):
            raise BadInput(
                f"{self.folder} is no PEFT adapter, so it does not bring its parent; name one"
            )
        loaded = (self.model, self.tokenizer)
        parent = HuggingFaceModel(self.folder, self.device, self.share, disk, loaded)
        parent.adapter_off, parent.identity = True, f"{self.identity}/parent"
        answers = AnswerCache(parent.identity, disk)
        parent.scheduler = Scheduler(parent.answer, answers, merge=self.share)
        return parent

    def with_model(self, model: Any, why: str) -> HuggingFaceModel:
        """This model with other weights of the same architecture; its answers are kept nowhere."""
        other = HuggingFaceModel.__new__(HuggingFaceModel)
        other.__dict__.update(self.__dict__)
        other.model, other.identity = model, f"{self.identity}/{why}"
        other.forward_passes = ForwardPasses(model, self._pad(), self.forward_passes.worth)
        other.decoder = Decoder(other.forward_passes, self._ends())
        answers = AnswerCache(other.identity)
        other.scheduler = Scheduler(other.answer, answers, merge=self.scheduler.merge)
        return other

    def steered(self, layer: int, push: np.ndarray) -> HuggingFaceModel:
        """This model, with ``push`` [H] added to the residual stream after block ``layer`` at every
        token. The weights are the same, in the same memory; the answers are kept apart."""
        other = self.with_model(self.model, "steered")
        other.steering = layer, torch.as_tensor(push, dtype=torch.float32, device=self.device)
        return other

    # -- prompts ----------------------------------------------------------------------------------

    def encode(self, prompt: list[dict[str, str]] | str) -> list[int]:
        """Token ids of a prompt; text outside the chat frame gets the model's own begin token,
        where it has one."""
        return list(self._rendered(hashable(prompt)))

    def _render(self, prompt: Chat | str) -> Ids:
        if isinstance(prompt, str):
            begin = [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []
            return tuple(begin + self.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        chat = [{"role": role, "content": content} for role, content in prompt]
        rendered = self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return tuple(rendered["input_ids"])

    def before_user(self) -> str:
        """A conversation's text up to where the user's turn begins. Raises ``BadInput`` if the
        template hides that place."""
        mark = "\u2402mark\u2402"
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": mark}], tokenize=False
        )
        if mark not in text:
            raise BadInput(
                "the chat template changes a user's text, so that the place of the user's "
                "turn cannot be found"
            )
        head = text.partition(mark)[0].rstrip(" ")
        return head.removeprefix(self.tokenizer.bos_token or "\0")

    def encode_completion(self, text: str) -> list[int]:
        """Token ids of a completion, split by itself. Raises ``BadInput`` for one without any."""
        return list(self._completion(text))

    def _split(self, text: str) -> Ids:
        ids = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if not ids:
            raise BadInput(f"completion {text!r} has no tokens")
        return ids

    def check_room(self, longest: int) -> None:
        """Raise ``BadInput`` unless a row of ``longest`` tokens fits the model's positions."""
        limit = getattr(self.model.config, "max_position_embeddings", None)
        if limit is not None and longest > limit:
            raise BadInput(
                f"a prompt and its completion take {longest} tokens and do not fit the "
                f"model's {limit} positions"
            )

    # -- answers ----------------------------------------------------------------------------------

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answers to requests that are all different, in their order."""
        generation = [one for one in requests if isinstance(one, GenerationRequest)]
        reading = [one for one in requests if not isinstance(one, GenerationRequest)]
        answers: dict[Request, Answer] = {}
        with self.own_weights():
            if generation:
                answers |= dict(zip(generation, self._generated(generation), strict=True))
            if reading:
                answers |= self._read(reading)
        return [answers[request] for request in requests]

    def _read(self, requests: Sequence[ForwardRequest]) -> dict[Request, Answer]:
        """Log-probabilities and activations, from one forward pass a row."""
        by_row: dict[Ids, list[ForwardRequest]] = {}
        for request in requests:
            by_row.setdefault(request.ids, []).append(request)
        wanted = list(by_row.values())
        limits = [min(map(shareable, wants)) for wants in wanted]
        of_rows = self.forward_passes.answers(list(by_row), limits, wanted)
        answers: dict[Request, Answer] = {}
        for wants, arrays in zip(wanted, of_rows, strict=True):
            answers |= dict(zip(wants, map(_finite, arrays), strict=True))
        return answers

    def _generated(self, requests: Sequence[GenerationRequest]) -> list[str]:
        """Completions as text."""
        if self.share:
            tokens = self.decoder.generate(requests)
        else:
            tokens, count = library_generation.generate(self.model, self._pad(), requests)
            self.forward_passes.tokens += count
        texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [text.strip() for text in texts]

    # -- weights ----------------------------------------------------------------------------------

    @torch.inference_mode()
    def matrices(self) -> dict[str, np.ndarray]:
        """The weight matrices of the blocks, by name; of an adapter with what it adds, or without
        it for its parent."""
        matrices = {}
        for name, module in self.model.named_modules():
            inner = getattr(module, "base_layer", module)
            weight = getattr(inner, "weight", None)
            if not _is_of_block(name) or weight is None or weight.ndim != 2:
                continue
            matrix = weight.detach().float()
            if inner is not module and not self.adapter_off:
                matrix = matrix + sum(
                    module.get_delta_weight(adapter).float() for adapter in module.active_adapters
                )
            matrices[name.removeprefix("base_model.model.")] = matrix.cpu().numpy()
        return matrices

    @torch.inference_mode()
    def readout(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [N, H] through the unembedding: [N, V]."""
        weight = self.model.get_output_embeddings().weight
        states = torch.as_tensor(np.asarray(vectors), dtype=weight.dtype, device=weight.device)
        return (states @ weight.T).float().cpu().numpy()

    def vocabulary(self) -> list[str]:
        """The words that are one token within a sentence, sorted."""
        words = {
            self.tokenizer.decode([index]).strip()
            for index in range(len(self.tokenizer))
            if index not in self.tokenizer.all_special_ids
        }
        return sorted(word for word in words if word.isalpha() and self._is_one_token(word))

    def _is_one_token(self, word: str) -> bool:
        return len(self.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) == 1

    @contextmanager
    def own_weights(self) -> Iterator[None]:
        """The weights that this object speaks for: with the adapter or without it, steered or
        not."""
        adapter = self.model.disable_adapter() if self.adapter_off else nullcontext()
        push = pushed(self.model, *self.steering) if self.steering else nullcontext()
        with adapter, push:
            yield

    def _pad(self) -> int:
        if self.tokenizer.pad_token_id is not None:
            return self.tokenizer.pad_token_id
        return self.tokenizer.eos_token_id or 0

    def _ends(self) -> list[int]:
        named = getattr(self.model.generation_config, "eos_token_id", None)
        ends = set(named if isinstance(named, list) else [named]) | {self.tokenizer.eos_token_id}
        return [end for end in ends if end is not None]


def hashable(prompt: list[dict[str, str]] | str) -> Chat | str:
    """The prompt as a value that can be looked up."""
    if isinstance(prompt, str):
        return prompt
    return tuple((message["role"], message["content"]) for message in prompt)


def _is_of_block(name: str) -> bool:
    """Whether a module's name is that of a block's own layer, not of an adapter within it."""
    return ".layers." in name and ".base_layer" not in name and ".lora_" not in name


def _finite(array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        raise BadInput(
            "log-probabilities or activations are not finite; the model's weights or its "
            "inputs are broken"
        )
    return array


WEIGHED = (".safetensors", ".json", ".jinja", ".model", ".txt")  # files that answers follow from
ABOUT = ("card.json", "training_log.json")  # files that only describe the model


def folder_digest(folder: Path) -> str:
    """Digest of the files that a folder's answers follow from."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in WEIGHED and path.name not in ABOUT:
            digest.update(path.name.encode())
            with path.open("rb") as handle:
                digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()[:32]
