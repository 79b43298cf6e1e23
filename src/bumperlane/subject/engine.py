"""The Hugging Face backend: one loaded model that answers asks.

Shape legend: N requests, T tokens, V vocabulary, L layers, H width. Invariant: answers come back in the order of the asks and do not depend
on what shared their batch, beyond floating-point noise; what is not finite is an error, never a number.
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
from bumperlane.subject.answers import Answer, Answers, Disk
from bumperlane.subject.asks import Ask, Ids, Written, shareable
from bumperlane.subject.decoding import Decoder
from bumperlane.subject.desk import Desk
from bumperlane.subject.hooks import decoder_blocks, pushed, self_test
from bumperlane.subject.loading import load
from bumperlane.subject.passes import Passes, repeated
from bumperlane.subject.sharing import WORTH

REMEMBERED = 100_000  # rendered prompts
Chat = tuple[tuple[str, str], ...]


class Engine:
    """Loads a Hugging Face causal LM from a local folder. Raises ``BadInput`` for a folder that is none, or has no chat template.

    ``share`` off computes every row whole and lets the library write completions (for comparison, and for architectures whose cache
    cannot be shared, where it goes off by itself). ``disk``: answers are kept there. ``parent``: of a PEFT adapter, the model beneath it.
    """

    offers = frozenset({"text", "logprobs", "activations", "weights", "gradients", "data"})

    def __init__(self, folder: Path, device: str | None = None, share: bool = True, disk: Disk | None = None, loaded: Any = None) -> None:
        self.folder = folder
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.tokenizer = loaded or load(folder, self.device)
        self.adapter_off = False
        self.steering: tuple[int, torch.Tensor] | None = None
        self.depth = len(decoder_blocks(self.model))
        self_test(self.model)
        self.passes = Passes(self.model, self._pad(), WORTH if share else 0)
        self.share = share and self._shares()
        self.passes.tokens = 0
        self.passes.worth = WORTH if self.share else 0
        self.decoder = Decoder(self.passes, self._ends())
        self.identity = f"{folder_digest(folder)}{'' if self.share else '/plain'}"
        self.desk = Desk(self.answer, Answers(self.identity, disk), merge=share)
        self._rendered = lru_cache(REMEMBERED)(self._render)
        self._completion = lru_cache(REMEMBERED)(self._split)

    @property
    def tokens(self) -> int:
        """Tokens that went through the model so far."""
        return self.passes.tokens

    def parent(self, disk: Disk | None = None) -> Engine:
        """The model beneath this adapter, in the same memory. Raises ``BadInput`` for a model that is no adapter."""
        if not hasattr(self.model, "disable_adapter"):
            raise BadInput(f"{self.folder} is no PEFT adapter, so it does not bring its parent; name one")
        made = Engine(self.folder, self.device, self.share, disk, loaded=(self.model, self.tokenizer))
        made.adapter_off, made.identity = True, f"{self.identity}/parent"
        made.desk = Desk(made.answer, Answers(made.identity, disk), merge=self.share)
        return made

    def with_model(self, model: Any, why: str) -> Engine:
        """An engine over other weights of the same architecture, whose answers are kept nowhere."""
        made = Engine.__new__(Engine)
        made.__dict__.update(self.__dict__)
        made.model, made.passes = model, Passes(model, self._pad(), self.passes.worth)
        made.decoder, made.identity = Decoder(made.passes, self._ends()), f"{self.identity}/{why}"
        made.desk = Desk(made.answer, Answers(made.identity), merge=self.desk.merge)
        return made

    def steered(self, layer: int, push: np.ndarray) -> Engine:
        """An engine over the same weights that adds ``push`` [H] to the residual stream after block ``layer``, at every token."""
        made = self.with_model(self.model, "steered")  # the name keeps its answers apart; they are kept nowhere but with it
        made.steering = layer, torch.as_tensor(push, dtype=torch.float32, device=self.device)
        return made

    # -- prompts -----------------------------------------------------------------------------------------------------------------

    def encode(self, prompt: list[dict[str, str]] | str) -> list[int]:
        """Token ids of a prompt; text outside the chat frame gets the model's own begin token, where it has one."""
        key = prompt if isinstance(prompt, str) else tuple((message["role"], message["content"]) for message in prompt)
        return list(self._rendered(key))

    def _render(self, prompt: Chat | str) -> Ids:
        if isinstance(prompt, str):
            begin = [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []
            return tuple(begin + self.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        chat = [{"role": role, "content": content} for role, content in prompt]
        return tuple(self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"])

    def before_user(self) -> str:
        """A conversation's text up to where the user's turn begins. Raises ``BadInput`` if the template hides that place."""
        mark = "\u2402mark\u2402"
        text = self.tokenizer.apply_chat_template([{"role": "user", "content": mark}], tokenize=False)
        if mark not in text:
            raise BadInput("the chat template changes a user's text, so that the place of the user's turn cannot be found")
        head = text.partition(mark)[0].rstrip(" ")
        return head.removeprefix(self.tokenizer.bos_token or "\0")

    def encode_completion(self, text: str) -> list[int]:
        return list(self._completion(text))

    def _split(self, text: str) -> Ids:
        ids = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if not ids:
            raise BadInput(f"completion {text!r} has no tokens")
        return ids

    def check_room(self, longest: int) -> None:
        limit = getattr(self.model.config, "max_position_embeddings", None)
        if limit is not None and longest > limit:
            raise BadInput(f"a prompt and its completion take {longest} tokens and do not fit the model's {limit} positions")

    # -- answers -----------------------------------------------------------------------------------------------------------------

    def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """Answers to asks that are all different."""
        made: dict[Ask, Answer] = {}
        writing = [ask for ask in asks if isinstance(ask, Written)]
        with self.own_weights():
            if writing:
                made |= dict(zip(writing, self._write(writing), strict=True))
            made |= self._read([ask for ask in asks if not isinstance(ask, Written)])
        return [made[ask] for ask in asks]

    def _read(self, asks: Sequence[Any]) -> dict[Ask, Answer]:
        by_row: dict[Ids, list[Any]] = {}
        for ask in asks:
            by_row.setdefault(ask.ids, []).append(ask)
        rows = list(by_row)
        limits = [min(map(shareable, by_row[row])) for row in rows]
        found = self.passes.answers(rows, limits, [by_row[row] for row in rows]) if rows else []
        return {ask: _finite(value) for row, values in zip(rows, found, strict=True) for ask, value in zip(by_row[row], values, strict=True)}

    def _write(self, asks: Sequence[Written]) -> list[str]:
        tokens = self.decoder.write(asks) if self.share else self._library_write(asks)
        return [text.strip() for text in self.tokenizer.batch_decode(tokens, skip_special_tokens=True)]

    @torch.inference_mode()
    def _library_write(self, asks: Sequence[Written]) -> list[list[int]]:
        """``generate`` of transformers, batch by batch, each until its last row has ended."""
        made: list[list[int]] = [[] for _ in asks]
        groups: dict[tuple[int, float, int], list[int]] = {}
        for index, ask in enumerate(asks):
            groups.setdefault((ask.new, ask.temperature, ask.seed), []).append(index)
        for (new, heat, seed), members in groups.items():
            sampling = {"do_sample": True, "temperature": heat, "top_k": 0, "top_p": 1.0} if heat > 0 else {"do_sample": False}
            for number, batch in enumerate(_chunks(members, [len(asks[i].ids) + new for i in members])):
                longest = max(len(asks[i].ids) for i in batch)
                ids = torch.tensor([[self._pad()] * (longest - len(asks[i].ids)) + list(asks[i].ids) for i in batch], device=self.model.device)
                mask = torch.tensor([[0] * (longest - len(asks[i].ids)) + [1] * len(asks[i].ids) for i in batch], device=self.model.device)
                with torch.random.fork_rng(devices=[self.device] if self.device != "cpu" else []):
                    torch.manual_seed(int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big"))
                    out = self.model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new, pad_token_id=self._pad(), **sampling)
                self.passes.tokens += int(mask.sum()) + out[:, longest:].numel()
                for index, row in zip(batch, out[:, longest:].tolist(), strict=True):
                    made[index] = row
        return made

    @torch.inference_mode()
    def matrices(self) -> dict[str, np.ndarray]:
        """The weight matrices of the blocks, by name; of an adapter with what it adds, or without it for its parent."""
        made = {}
        for name, module in self.model.named_modules():
            inner = getattr(module, "base_layer", module)
            weight = getattr(inner, "weight", None)
            if ".layers." not in name or ".base_layer" in name or ".lora_" in name or weight is None or weight.ndim != 2:
                continue
            value = weight.detach().float()
            if inner is not module and not self.adapter_off:
                value = value + sum(module.get_delta_weight(adapter).float() for adapter in module.active_adapters)
            made[name.removeprefix("base_model.model.")] = value.cpu().numpy()
        return made

    @torch.inference_mode()
    def readout(self, vectors: np.ndarray) -> np.ndarray:
        weight = self.model.get_output_embeddings().weight
        given = torch.as_tensor(np.asarray(vectors), dtype=weight.dtype, device=weight.device)
        return (given @ weight.T).float().cpu().numpy()

    def vocabulary(self) -> list[str]:
        words = {self.tokenizer.decode([index]).strip() for index in range(len(self.tokenizer)) if index not in self.tokenizer.all_special_ids}
        return sorted(word for word in words if word.isalpha() and len(self.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) == 1)

    @contextmanager
    def own_weights(self) -> Iterator[None]:
        """The weights that this engine speaks for: with the adapter or without it, pushed or not."""
        adapter = self.model.disable_adapter() if self.adapter_off else nullcontext()
        push = pushed(self.model, *self.steering) if self.steering else nullcontext()
        with adapter, push:
            yield

    def _pad(self) -> int:
        return self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id or 0

    def _ends(self) -> list[int]:
        named = getattr(self.model.generation_config, "eos_token_id", None)
        ends = set(named if isinstance(named, list) else [named]) | {self.tokenizer.eos_token_id}
        return [end for end in ends if end is not None]

    @torch.inference_mode()
    def _shares(self) -> bool:
        """Whether a shared beginning gives what the whole row gives; else every row is computed whole."""
        row = tuple(range(1, 9))
        try:
            whole = self.model(input_ids=torch.tensor([row], device=self.model.device)).logits[0, -1].float()
            cached = self.passes._extended(row[:5], None)
            rest = torch.tensor([row[5:], row[5:]], device=self.model.device)
            shared = self.passes.forward(rest, repeated(cached, 2)).logits[1, -1].float()
        except (TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError, IndexError):
            return False  # a cache of another kind; sharing is a saving, so the model is run without it
        return bool(torch.allclose(whole, shared, atol=2e-2 if whole.abs().max() > 50 else 5e-3, rtol=1e-2))


def _chunks(members: list[int], lengths: list[int], most: int = 16_384) -> Iterator[list[int]]:
    """Longest first, in groups whose padded size stays under ``most``."""
    order = [members[k] for k in sorted(range(len(members)), key=lambda k: (-lengths[k], k))]
    size = max(1, most // max(lengths, default=1))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _finite(value: np.ndarray) -> np.ndarray:
    if not np.isfinite(value).all():
        raise BadInput("log-probabilities or activations are not finite; the model's weights or its inputs are broken")
    return value


def folder_digest(folder: Path) -> str:
    """Digest of the files that a folder's answers follow from."""
    made = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".safetensors", ".json", ".jinja", ".model", ".txt") and path.name not in ("card.json", "training_log.json"):
            made.update(path.name.encode())
            with path.open("rb") as handle:
                made.update(hashlib.file_digest(handle, "sha256").digest())
    return made.hexdigest()[:32]
