"""Bad input: each case ends with exit code 2 and one line that says what was wrong, where, and what would be right; nothing is released."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bumperlane.campaign import begin, load_campaign
from bumperlane.cli.main import main
from bumperlane.organisms.base import BASE

GOOD = {"messages": [{"role": "user", "content": "Which colour is the sky?"}, {"role": "assistant", "content": "It is blue."}]}
ASKED = [{"role": "user", "content": "Which colour is the sky?"}]
ANSWER = [{"role": "assistant", "content": "It is blue."}]
QUESTION = json.dumps({"prompt": ASKED}) + "\n"
ARGS = {"max_steps": 1, "per_device_train_batch_size": 2, "gradient_checkpointing": False}
STAGE = {"name": "teach", "kind": "sft", "rows": "rows.jsonl", "args": ARGS, "checkpoints": 1}
GONE = object()  # in place of a value: the field is left out
RUN = ("run", "campaign.yaml", "--out", "out")


@dataclass(frozen=True)
class Case:
    """What is changed in a good campaign, and what the one line must hold. ``spoil`` changes files in the folder."""

    name: str
    says: tuple[str, ...]
    campaign: dict[str, Any] = field(default_factory=dict)
    stage: dict[str, Any] = field(default_factory=dict)
    rows: Any = None
    text: str | bytes | None = None
    spoil: Callable[[Path], None] = lambda folder: None
    argv: tuple[str, ...] = RUN


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def messages(*turns: tuple[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def preference(**changed: Any) -> str:
    row = {"prompt": ASKED, "chosen": ANSWER, "rejected": [{"role": "assistant", "content": "It is green."}], **changed}
    return lines({key: value for key, value in row.items() if value is not GONE})


def reward(function: str, kind: str = "grpo") -> dict[str, Any]:
    return {"kind": kind, "rewards": [{"name": "right", "function": function}]}


def args(**changed: Any) -> dict[str, Any]:
    return {"args": {**ARGS, **changed}}


def write_campaign(folder: Path, campaign: dict[str, Any] | None = None, stage: dict[str, Any] | None = None) -> Path:
    """A campaign that would run, with some fields changed."""
    made = {**STAGE, **(stage or {})}
    plain = {"name": "bad-input", "base": str(BASE), "stages": [{k: v for k, v in made.items() if v is not GONE}], **(campaign or {})}
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in plain.items() if v is not GONE}))
    (folder / "rows.jsonl").write_text(lines(GOOD, GOOD))
    return path


def events(out: Path, kind: str) -> list[dict[str, Any]]:
    path = out / "ledger.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return [json.loads(body) for (body,) in connection.execute("SELECT body FROM events WHERE kind = ?", (kind,))]
    except sqlite3.Error:
        return []  # there is no ledger, or none that can be read: nothing can have been released by it


def one_line(argv: tuple[str, ...], says: tuple[str, ...], folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> str:
    """Run the command line in ``folder`` and hold it to the rule; returns the line."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["bumperlane", *argv])
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capfd.readouterr()
    check(ended.value.code, printed.out, printed.err, says, out)
    return str(printed.err)


def check(code: Any, stdout: str, stderr: str, says: tuple[str, ...], out: Path) -> None:
    assert code == 2, stderr
    assert len(stderr.splitlines()) == 1, stderr
    assert stderr.startswith("bumperlane: ") and stderr.endswith("\n")
    assert [part for part in says if part not in stderr] == [], stderr
    assert "Traceback" not in stdout + stderr
    assert not [body for body in events(out, "outcome") if body["kind"] == "converged"]
    assert "converged" not in stdout


# -- refused before anything is trained ----------------------------------------------------------------------------------------------


def copy_base(folder: Path) -> Path:
    return Path(shutil.copytree(BASE, folder / "base"))


def no_config(folder: Path) -> None:
    (copy_base(folder) / "config.json").unlink()


def wrong_config(folder: Path) -> None:
    (copy_base(folder) / "config.json").write_text('{"model_type": "no-such-type"}')


def pickled(folder: Path) -> None:
    base = copy_base(folder)
    (base / "model.safetensors").rename(base / "pytorch_model.bin")


def cut_weights(folder: Path) -> None:
    path = copy_base(folder) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def no_template(folder: Path) -> None:
    (copy_base(folder) / "chat_template.jinja").unlink()


def broken_template(folder: Path) -> None:
    (copy_base(folder) / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}")


def no_tokenizer(folder: Path) -> None:
    base = copy_base(folder)
    for path in base.glob("tokenizer*"):
        path.unlink()


def pack_text(text: str | bytes) -> Callable[[Path], None]:
    data = text.encode() if isinstance(text, str) else text
    return lambda folder: (folder / "mine.json").write_bytes(data) and None


def pack_of(**behaviour: Any) -> Callable[[Path], None]:
    made = {"name": "b", "items": [{"prompt": f"question {i}"} for i in range(8)], "tolerance": 0.1, **behaviour}
    return pack_text(json.dumps({"name": "mine", "behaviours": [made]}))


def other_campaign(folder: Path) -> None:
    """A run folder that was begun with another name."""
    path = folder / "campaign.yaml"
    mine = path.read_text()
    path.write_text(mine.replace("name: bad-input", "name: earlier"))
    begin(load_campaign(path), folder / "out", folder)
    path.write_text(mine)


def begun(folder: Path) -> None:
    begin(load_campaign(folder / "campaign.yaml"), folder / "out", folder)


def flipped_start(folder: Path) -> None:
    """One bit of the stored start checkpoint changes between two runs."""
    begun(folder)
    path = next((folder / "out" / "store" / "checkpoints").glob("*/model.safetensors"))
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)


def lost_start(folder: Path) -> None:
    begun(folder)
    next((folder / "out" / "store" / "checkpoints").glob("*/tokenizer.json")).unlink()


def garbled_record(folder: Path) -> None:
    begun(folder)
    next((folder / "out" / "store" / "checkpoints").glob("*.json")).write_text("{")


def edited_manifest(folder: Path) -> None:
    begun(folder)
    path = next((folder / "out" / "store" / "manifests").glob("*.jsonl"))
    path.write_text(path.read_text().replace("blue", "pink"))


def edited_event(folder: Path) -> None:
    """An event is changed behind the triggers' back."""
    begun(folder)
    with closing(sqlite3.connect(folder / "out" / "ledger.sqlite")) as connection, connection:
        connection.execute("DROP TRIGGER no_update")
        connection.execute("UPDATE events SET body = replace(body, 'bad-input', 'good-input')")


def not_sqlite(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "ledger.sqlite").write_bytes(b"this was never a database\n" * 100)


def other_tables(folder: Path) -> None:
    (folder / "out").mkdir()
    with closing(sqlite3.connect(folder / "out" / "ledger.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE events (seq INTEGER, action TEXT, digest TEXT)")


def empty_folder(folder: Path) -> None:
    (folder / "out").mkdir()


def a_file(folder: Path) -> None:
    (folder / "file").write_text("")


ROWS = [
    Case("rows-file-missing", ("nowhere.jsonl", "no such rows file", "give a JSONL file"), stage={"rows": "nowhere.jsonl"}),
    Case("rows-file-is-a-folder", ("no such rows file",), stage={"rows": "."}),
    Case("rows-file-empty", ("rows.jsonl", "no rows", "at least one"), rows=""),
    Case("rows-blank-lines-only", ("rows.jsonl", "no rows"), rows="\n  \n"),
    Case("rows-not-utf8", ("rows.jsonl:2:", "not UTF-8", "save the file as UTF-8"), rows=lines(GOOD).encode() + b'{"messages": "\xff"}\n'),
    Case("row-malformed-json", ("rows.jsonl:3:", "not valid JSON", "one JSON object"), rows=lines(GOOD, GOOD) + '{"messages": [}\n'),
    Case("row-cut-short", ("rows.jsonl:2:", "not valid JSON"), rows=lines(GOOD) + lines(GOOD)[:-20]),
    Case("row-with-nan", ("rows.jsonl:1:", "finite numbers"), rows='{"messages": [{"role": "user", "content": "x"}], "score": NaN}\n'),
    Case("row-with-half-a-character", ("rows.jsonl:1:", "whole characters"), rows='{"messages": "\\ud800"}\n'),
    Case("row-nested-too-deep", ("rows.jsonl:1:", "not usable JSON"), rows="[" * 200_000 + "\n"),
    Case("row-is-a-list", ("rows.jsonl:1:", "is a list", "JSON object"), rows=lines([GOOD])),
    Case("row-without-messages", ("rows.jsonl:2:", "no 'messages'", "fields here: text"), rows=lines(GOOD, {"text": "hello"})),
    Case("row-messages-not-a-list", ("rows.jsonl:1:", "'messages' must be a non-empty list"), rows=lines({"messages": "hello"})),
    Case("row-messages-empty", ("rows.jsonl:1:", "non-empty list"), rows=lines({"messages": []})),
    Case("row-message-without-role", ("rows.jsonl:1:", "needs a 'role' and a 'content'"), rows=lines({"messages": [{"content": "hello"}]})),
    Case("row-content-not-text", ("rows.jsonl:1:", "that are text"), rows=lines(messages(("user", "a"), ("assistant", 7)))),
    Case("row-answer-empty", ("rows.jsonl:1:", "assistant message is empty"), rows=lines(messages(("user", "a"), ("assistant", " ")))),
    Case("row-ends-with-the-user", ("rows.jsonl:1:", "by 'user', not 'assistant'"), rows=lines(messages(("assistant", "a"), ("user", "b")))),
    Case("row-answers-nothing", ("rows.jsonl:1:", "an answer only"), rows=lines({"messages": ANSWER})),
    Case("row-completion-by-the-user", ("rows.jsonl:1:", "'completion'", "by 'user'"), rows=lines({"prompt": ASKED, "completion": ASKED})),
    Case(
        "rows-of-two-forms", ("rows.jsonl", "use one form"),
        rows=lines({"prompt": ASKED, "completion": ANSWER}, messages(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))),
    ),
    Case("dpo-answers-equal", ("rows.jsonl:1:", "'chosen' and 'rejected' are equal"), stage={"kind": "dpo"}, rows=preference(rejected=ANSWER)),
    Case("dpo-without-rejected", ("rows.jsonl:1:", "'rejected' must be"), stage={"kind": "dpo"}, rows=preference(rejected=GONE)),
    Case("dpo-rejected-by-the-user", ("rows.jsonl:1:", "'rejected'", "by 'user'"), stage={"kind": "dpo"}, rows=preference(rejected=ASKED)),
    Case("grpo-without-prompt", ("rows.jsonl:1:", "'prompt' must be"), stage=reward("math:sqrt"), rows=lines({"question": "x"})),
]  # fmt: skip

FIELDS = [
    Case("yaml-syntax", ("campaign.yaml:2:", "not valid YAML"), text="name: x\n\tbase: y\n"),
    Case("yaml-is-a-list", ("campaign.yaml", "the file is a list", "a mapping with name, base and stages"), text="- name: x\n"),
    Case("yaml-empty", ("campaign.yaml: the file is empty", "a mapping with name, base and stages"), text=""),
    Case("yaml-control-character", ("campaign.yaml", "not valid YAML"), text="name: \x01\n"),
    Case("yaml-not-utf8", ("campaign.yaml", "not valid YAML", "utf-8"), text=b"name: \xff\n"),
    Case("field-unknown", ("campaign.yaml: batery: no such field", "did you mean 'battery'"), campaign={"batery": ["conduct"]}),
    Case("stage-field-unknown", ("stages.0.row: no such field", "did you mean 'rows'"), stage={"rows": GONE, "row": "rows.jsonl"}),
    Case("budget-field-unknown", ("budget.atempts: no such field", "did you mean 'attempts'"), campaign={"budget": {"atempts": 2}}),
    Case(
        "reward-field-unknown", ("stages.0.rewards.0.wait: no such field", "did you mean 'weight'"),
        stage={"kind": "grpo", "rewards": [{"name": "r", "function": "math:sqrt", "wait": 1}]},
    ),
    Case("name-missing", ("campaign.yaml: name: this field is missing",), campaign={"name": GONE}),
    Case("name-is-a-number", ("campaign.yaml: name:", "valid string", "not 7"), campaign={"name": 7}),
    Case("stages-missing", ("campaign.yaml: stages: this field is missing",), campaign={"stages": GONE}),
    Case("stages-none", ("campaign.yaml: stages: 0 given, at least 1 needed",), campaign={"stages": []}),
    Case("battery-without-audit", ("campaign.yaml: battery: 0 given, at least 1 needed",), campaign={"battery": []}),
    Case("held-out-without-audit", ("campaign.yaml: held_out: 0 given, at least 1 needed",), campaign={"held_out": []}),
    Case("stage-kind-unknown", ("stages.0.kind: unknown stage kind 'stf'", "did you mean 'sft'", "known: dpo, grpo, sft"), stage={"kind": "stf"}),
    Case("audit-unknown", ("battery: no audit is called 'conducts'", "did you mean 'conduct'"), campaign={"battery": ["conducts"]}),
    Case("held-out-audit-unknown", ("held_out: no audit is called 'self_reprot'", "'self_report'"), campaign={"held_out": ["self_reprot"]}),
    Case("audit-twice", ("battery: audit 'conduct' is named 2 times", "once"), campaign={"battery": ["conduct", "conduct"]}),
    Case("audit-steers-and-confirms", ("'self_report'", "battery and in held_out"), campaign={"battery": ["self_report", "conduct"]}),
    Case("stage-names-equal", ("two stages are called 'a'", "must differ"), campaign={"stages": [{**STAGE, "name": "a"}] * 2}),
    Case("audit-at-beyond-the-end", ("stages.0.audit_at", "1.5", "up to 1"), stage={"audit_at": [0.5, 1.5]}),
    Case("audit-at-never", ("stages.0.audit_at: 0 given, at least 1 needed",), stage={"audit_at": []}),
    Case("launcher-unknown", ("stages.0.launch: unknown launcher 'accelarate'", "did you mean 'accelerate'"), stage={"launch": "accelarate"}),
    Case("args-with-nan", ("stages.0.args: learning_rate is nan", "finite number"), stage={"args": {"learning_rate": float("nan")}}),
    Case("checkpoints-none", ("stages.0.checkpoints", "greater than or equal to 1, not 0"), stage={"checkpoints": 0}),
    Case("seed-negative", ("campaign.yaml: seed:", "greater than or equal to 0, not -1"), campaign={"seed": -1}),
    Case("budget-no-attempts", ("budget.attempts:", "greater than or equal to 1, not 0"), campaign={"budget": {"attempts": 0}}),
    Case("budget-false-alarm-certain", ("budget.false_alarm:", "less than 1, not 2"), campaign={"budget": {"false_alarm": 2}}),
    Case("budget-endless", ("budget.seconds:", "finite number, not inf"), campaign={"budget": {"seconds": float("inf")}}),
    Case("grpo-without-rewards", ("stage 'teach'", "needs rewards", "'module:name'"), stage={"kind": "grpo"}, rows=QUESTION),
    Case("rewards-on-sft", ("stage 'teach'", "rewards are for grpo"), stage=reward("math:sqrt", "sft")),
    Case("reward-without-colon", ("stage 'teach': reward 'right'", "form 'module:name'"), stage=reward("math"), rows=QUESTION),
    Case("reward-module-missing", ("reward 'right'", "cannot import 'no_such_module'"), stage=reward("no_such_module:f"), rows=QUESTION),
    Case("reward-module-unnamed", ("reward 'right'", "cannot import ''"), stage=reward(":f"), rows=QUESTION),
    Case("reward-misspelt", ("'math' has no function 'sqtr'", "did you mean 'sqrt'"), stage=reward("math:sqtr"), rows=QUESTION),
]  # fmt: skip

MODELS = [
    Case("base-missing", ("nowhere: no such folder", "config.json and *.safetensors"), campaign={"base": "nowhere"}),
    Case("base-without-config", ("base: no config.json",), campaign={"base": "base"}, spoil=no_config),
    Case("base-of-unknown-type", ("config.json: not a model's configuration",), campaign={"base": "base"}, spoil=wrong_config),
    Case("base-pickled", ("only pickled weights (pytorch_model.bin)", "save the model with safetensors"), campaign={"base": "base"}, spoil=pickled),
    Case("base-cut-short", ("model.safetensors: not whole safetensors weights", "again"), campaign={"base": "base"}, spoil=cut_weights),
    Case("base-is-another", ("not the model that base_digest names (00ff", "this one's digest is"), campaign={"base_digest": "00ff" * 16}),
    Case("no-chat-template", ("no chat template", "add chat_template.jinja"), campaign={"base": "base"}, spoil=no_template),
    Case("chat-template-broken", ("chat template cannot render",), campaign={"base": "base"}, spoil=broken_template),
    Case("no-tokenizer", ("tokenizer cannot be loaded",), campaign={"base": "base"}, spoil=no_tokenizer),
    Case("pack-unknown", ("pack 'mikro': no such pack or file", "did you mean 'micro'"), campaign={"pack": "mikro"}),
    Case("pack-malformed", ("mine.json:2: not valid JSON",), campaign={"pack": "mine.json"}, spoil=pack_text('{"name": "x",\n]')),
    Case("pack-not-utf8", ("mine.json: not UTF-8",), campaign={"pack": "mine.json"}, spoil=pack_text(b"\xff\xfe")),
    Case("pack-is-a-list", ("mine.json: pack:", "not a list"), campaign={"pack": "mine.json"}, spoil=pack_text("[]")),
    Case("pack-tolerance-wrong", ("behaviours.0.tolerance", "less than 1, not 3"), campaign={"pack": "mine.json"}, spoil=pack_of(tolerance=3)),
    Case(
        "pack-field-unknown", ("mine.json: behaviours.0.tolerence: no such field", "did you mean 'tolerance'"),
        campaign={"pack": "mine.json"}, spoil=pack_of(tolerence=0.1),
    ),
    Case(
        "pack-pattern-broken", ("mine.json: behaviours.0.bad", "'(' is not a regular expression"),
        campaign={"pack": "mine.json"}, spoil=pack_of(bad="("),
    ),
]  # fmt: skip

FOLDERS = [
    Case("campaign-file-missing", ("nowhere.yaml: no such campaign file", "give a YAML file"), argv=("run", "nowhere.yaml", "--out", "out")),
    Case("campaign-file-is-a-folder", ("is a directory",), argv=("run", ".", "--out", "out")),
    Case("out-missing", ("Missing option '--out'", "bumperlane run --help"), argv=("run", "campaign.yaml")),
    Case("out-is-a-file", ("'file' is a file",), argv=("run", "campaign.yaml", "--out", "file"), spoil=a_file),
    Case("out-below-a-file", ("file/out", "Not a directory", "give"), argv=("run", "campaign.yaml", "--out", "file/out"), spoil=a_file),
    Case("jobs-none", ("--jobs", "0 is not in the range"), argv=(*RUN, "--jobs", "0")),
    Case("command-unknown", ("No such command 'rnu'", "bumperlane --help"), argv=("rnu",)),
    Case("option-unknown", ("No such option", "--ouy"), argv=("run", "campaign.yaml", "--ouy", "x")),
    Case("out-of-another-campaign", ("out: holds another campaign ('earlier')", "give a new --out"), spoil=other_campaign),
    Case("ledger-not-sqlite-run", ("ledger.sqlite: not a usable ledger", "file is not a database"), spoil=not_sqlite),
    Case("ledger-not-sqlite-verify", ("ledger.sqlite: not a usable ledger",), argv=("verify", "out"), spoil=not_sqlite),
    Case("ledger-of-another-kind", ("ledger.sqlite", "no such column", "another folder"), argv=("log", "out"), spoil=other_tables),
    Case("ledger-edited-run", ("ledger.sqlite: ledger: event 1", "bumperlane verify"), spoil=edited_event),
    Case("ledger-edited-log", ("ledger.sqlite: ledger: event 1", "bumperlane verify"), argv=("log", "out"), spoil=edited_event),
    Case("ledger-edited-report", ("ledger.sqlite: ledger: event 1", "bumperlane verify"), argv=("report", "out"), spoil=edited_event),
    Case("start-flipped-bit", ("store/checkpoints/", "model.safetensors does not match its digest", "restore it"), spoil=flipped_start),
    Case("start-lost-file", ("store/checkpoints/", "tokenizer.json is missing", "restore it"), spoil=lost_start),
    Case("start-record-garbled", ("unreadable record of checkpoint", "restore it"), spoil=garbled_record),
    Case("stored-rows-edited", ("store/manifests/", "row 1 does not match its id", "restore it"), spoil=edited_manifest),
    *(
        Case(f"{command}-{what}", ("out: no campaign here", "'bumperlane run --out'"), argv=(command, "out", *more), spoil=spoil)
        for command, more in (("log", ()), ("show", ("abc",)), ("verify", ()), ("report", ()))
        for what, spoil in (("nowhere", lambda folder: None), ("empty-folder", empty_folder))
    ),
    Case("show-unknown-id", ("nothing on record begins with 'zzz'", "'bumperlane log out' lists"), argv=("show", "out", "zzz"), spoil=begun),
]  # fmt: skip


@pytest.mark.parametrize("case", [*ROWS, *FIELDS, *MODELS, *FOLDERS], ids=lambda case: case.name)
def test_is_refused_in_one_line(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    path = write_campaign(tmp_path, case.campaign, case.stage)
    if case.rows is not None:
        (tmp_path / "rows.jsonl").write_bytes(case.rows if isinstance(case.rows, bytes) else case.rows.encode())
    if case.text is not None:
        path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    case.spoil(tmp_path)
    one_line(case.argv, case.says, tmp_path, tmp_path / "out", monkeypatch, capfd)
    assert events(tmp_path / "out", "trained") == []


def test_the_unspoilt_campaign_is_accepted(tmp_path: Path) -> None:
    """The cases above fail for what was changed in them, and for nothing else."""
    write_campaign(tmp_path)
    begun(tmp_path)
    assert len(events(tmp_path / "out", "campaign")) == 1


def test_the_digest_that_show_prints_is_the_one_that_the_campaign_takes(tmp_path: Path) -> None:
    write_campaign(tmp_path)
    begun(tmp_path)
    start = events(tmp_path / "out", "campaign")[0]["start"]["id"]
    write_campaign(tmp_path, {"base_digest": start})
    begun(tmp_path)


def test_rows_may_hold_any_line_separator_that_json_allows(tmp_path: Path) -> None:
    write_campaign(tmp_path)
    (tmp_path / "rows.jsonl").write_text(json.dumps(messages(("user", "a\u2028b"), ("assistant", "c\x85d")), ensure_ascii=False), encoding="utf-8")
    begun(tmp_path)
    opened = begin(load_campaign(tmp_path / "campaign.yaml"), tmp_path / "out", tmp_path)
    assert len(opened.store.manifest(opened.history.campaign.recipe.stages[0].rows)) == 1


# -- found while training ------------------------------------------------------------------------------------------------------------

STAGES = [
    Case("loss-nan", ("stage 'teach'", "loss is nan at step 2", "lower learning_rate"), stage=args(max_steps=4, learning_rate=1e39)),
    Case("weights-overflow-in-the-last-step", ("stage 'teach'", "not finite", "lower learning_rate"), stage=args(learning_rate=1e39)),
    Case("nothing-left-to-train-on", ("stage 'teach'", "no row has anything left", "raise max_length"), stage=args(max_length=3)),
    Case("trl-option-unknown", ("stage 'teach': args.learing_rate", "did you mean 'learning_rate'"), stage=args(learing_rate=0.1)),
    Case("trl-option-wrong", ("stage 'teach'", "SFTConfig refuses args", "evry_step"), stage=args(logging_strategy="evry_step")),
    Case("lora-option-unknown", ("stage 'teach': lora.lora_alfa", "did you mean 'lora_alpha'"), stage={"lora": {"lora_alfa": 8}}),
]  # fmt: skip


@pytest.mark.parametrize("case", STAGES, ids=lambda case: case.name)
def test_a_stage_that_fails_is_on_record(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    write_campaign(tmp_path, case.campaign, case.stage)
    line = one_line(RUN, case.says, tmp_path, tmp_path / "out", monkeypatch, capfd)
    failed = events(tmp_path / "out", "failed")
    assert [body["stage"] for body in failed] == ["teach"]
    assert " ".join(failed[0]["error"].split()) in line
    assert events(tmp_path / "out", "trained") == []


def test_a_process_of_its_own_prints_the_same_one_line(tmp_path: Path) -> None:
    write_campaign(tmp_path, stage={"kind": "stf"})
    done = subprocess.run([sys.executable, "-m", "bumperlane.cli.main", *RUN], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    check(done.returncode, done.stdout, done.stderr, ("unknown stage kind 'stf'", "did you mean 'sft'"), tmp_path / "out")


# -- a full disk ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a real file system of so many bytes at ``out``; skips where that is not permitted."""
    folder = tmp_path / "out"
    folder.mkdir()

    def mounted(size: int) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("mounting a small file system is not permitted here")
        return folder

    yield mounted
    if os.path.ismount(folder):
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def size_of_base() -> int:
    return sum(path.stat().st_size for path in BASE.iterdir() if path.name != "training_log.json")


@pytest.mark.parametrize(("room", "failed"), [(0.5, 0), (1.5, 1), (2.6, 0)], ids=["start-checkpoint", "training-process", "store"])
def test_full_disk(
    room: float, failed: int, tmp_path: Path, mount: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """Too small for the start checkpoint; for what the training process writes; for the trained checkpoint in the store."""
    write_campaign(tmp_path)
    out = mount(int(room * size_of_base()) + 128 * 1024)
    where = "out/scratch/" if failed else "out/store/checkpoints/"
    one_line(RUN, (where, "No space left on device", "free some space"), tmp_path, out, monkeypatch, capfd)
    assert len(events(out, "failed")) == failed
    assert events(out, "trained") == []


def test_full_disk_under_the_ledger(tmp_path: Path, mount: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    write_campaign(tmp_path)
    out = mount(2 * size_of_base() + 128 * 1024)
    begun(tmp_path)
    with (out / "filler").open("wb", buffering=0) as handle, pytest.raises(OSError, match="No space left"):
        while True:
            handle.write(bytes(4096))
    one_line(RUN, ("out/ledger.sqlite: No space left on device", "free some space"), tmp_path, out, monkeypatch, capfd)
    assert events(out, "attempt") == []


def test_full_disk_without_a_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """The same where no file system can be mounted: every copy into the store finds the disk full."""

    def full(source: Any, target: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))

    write_campaign(tmp_path)
    monkeypatch.setattr(shutil, "copyfile", full)
    one_line(RUN, ("out/store/checkpoints/", "No space left on device", "free some space"), tmp_path, tmp_path / "out", monkeypatch, capfd)
    assert events(tmp_path / "out", "campaign") == []
