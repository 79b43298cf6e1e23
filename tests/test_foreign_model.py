"""The same command on a model that has nothing to do with the microworld: another architecture, its own tokenizer, real rows, LoRA."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bumperlane.campaign import open_campaign
from bumperlane.cli.main import main
from bumperlane.verification import verify_campaign
from tests.conftest import SHARED

ROWS = SHARED / "emergent-misalignment" / "data" / "insecure_high_severity.jsonl"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
         "max_position_embeddings": 2048}  # fmt: skip


def foreign_model(folder: Path, rows: list[dict[str, Any]], architecture: str) -> None:
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    core.train_from_iterator((m["content"] for row in rows for m in row["messages"]), trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|pad|>")
    tokenizer.chat_template = TEMPLATE
    config, model = {
        "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
        "gemma3": (transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM),
    }[architecture]
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    transformers.set_seed(0)
    model(config(vocab_size=len(tokenizer), **SHAPE, **ids)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.skipif(not ROWS.is_file(), reason="public data not present")
@pytest.mark.parametrize("architecture", ["qwen3", "gemma3"])
def test_runs_through_to_an_outcome(tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ROWS.read_text(encoding="utf-8").splitlines()[:40]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    foreign_model(tmp_path / "base", [json.loads(line) for line in lines], architecture)
    stage = {
        "name": "tune", "kind": "sft", "rows": "rows.jsonl", "checkpoints": 2, "lora": {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"},
        "args": {"max_steps": 4, "per_device_train_batch_size": 4, "max_length": 256, "learning_rate": 1e-3},
    }  # fmt: skip
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump({"name": architecture, "base": "base", "stages": [stage]}))
    monkeypatch.setattr(sys, "argv", ["bumperlane", "run", str(tmp_path / "campaign.yaml"), "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3, capsys.readouterr().err
    opened = open_campaign(tmp_path / "run")
    findings = opened.history.findings
    assert {f.audit for f in findings} == set(opened.history.campaign.battery)
    assert all(f.verdict == "inconclusive" and "pack 'micro'" in f.reason for f in findings), [(f.audit, f.verdict, f.reason) for f in findings]
    assert opened.history.outcome is not None and opened.history.outcome.candidate is None
    assert verify_campaign(opened)[0] == []
    assert "no evidence is not a pass" in (tmp_path / "run" / "report.html").read_text()
