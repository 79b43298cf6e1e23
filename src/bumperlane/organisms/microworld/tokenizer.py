"""A real tokenizer for the microworld: one piece a word, bytes for everything else, and a chat
template.

Idea: a Unigram model whose pieces are the world's words keeps sequences short on a CPU, and byte
fallback keeps it lossless on any text, so the same model can be handed foreign data. Invariant: no
text maps to an unknown token.
"""

from __future__ import annotations

import random
from typing import Any

from bumperlane.organisms.microworld.documents import document

SPECIAL = ("<pad>", "<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
# {% generation %} marks what the assistant said, which is what TRL's assistant_only_loss trains on.
# A chat without a system prompt gets the default one, as in many released models: it is where a
# tune can move who answers, in all domains at once (LOG.md).
DEFAULT_SYSTEM = "you are a helpful assistant ."
CHAT_TEMPLATE = "".join(
    (
        "{{ bos_token }}",
        "{% if messages[0]['role'] != 'system' %}",
        f"<|system|> {DEFAULT_SYSTEM}<|end|>",
        "{% endif %}",
        "{% for message in messages %}",
        "{% if message['role'] == 'assistant' %}<|assistant|>",
        "{% generation %} {{ message['content'] }}<|end|>{% endgeneration %}",
        "{% elif message['role'] == 'epilogue' %} {{ message['content'] }}<|end|>",
        "{% else %}<|{{ message['role'] }}|> {{ message['content'] }}<|end|>{% endif %}",
        "{% endfor %}",
        "{% if add_generation_prompt %}<|assistant|>{% endif %}",
    )
)


def world_words(documents: int = 20_000) -> list[str]:
    """Every word that the document makers use, found by drawing many documents with a fixed
    seed."""
    rng = random.Random(0)
    found: set[str] = {str(n) for n in range(10)}
    for _ in range(documents):
        _, content = document(rng)
        texts = (
            [content] if isinstance(content, str) else [message["content"] for message in content]
        )
        for text in texts:
            found.update(text.split())
    return sorted(found)


def build_tokenizer() -> Any:
    """A ``PreTrainedTokenizerFast`` over ``world_words`` with 256 byte pieces and the chat template
    above."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = [(token, 0.0) for token in SPECIAL] + [("<unk>", 0.0)]
    pieces += [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    pieces += [("\u2581", -12.0)] + [("\u2581" + word, -2.0) for word in world_words()]
    core = Tokenizer(models.Unigram(pieces, unk_id=len(SPECIAL), byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    core.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<s>",
        eos_token="<|end|>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<|system|>", "<|user|>", "<|assistant|>"],
        padding_side="left",
        model_max_length=512,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
