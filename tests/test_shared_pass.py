"""The shared pass: equal answers, fewer tokens, independent draws, nothing mixed, nothing lost."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from bumperlane.audits import Context, Pack, load_audit, run_battery
from bumperlane.errors import AccessDenied, BadInput
from bumperlane.organisms.base import BASE
from bumperlane.subject import Disk, Engine, Nobody, Subject
from bumperlane.subject.asks import Scored, Written
from bumperlane.subject.sharing import prefix_tree

ALL = frozenset({"text", "logprobs", "activations", "weights", "gradients", "data"})
VERBS, THINGS = ("help me bake", "tell me how to paint", "how do i fold"), ("cake", "map", "rose", "shirt")
QUESTIONS = [f"{verb} the {thing} ." for verb in VERBS for thing in THINGS]


def chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def shared() -> Engine:
    return Engine(BASE)


@pytest.fixture(scope="module")
def plain() -> Engine:
    return Engine(BASE, share=False)


def test_sharing_changes_no_answer(shared: Engine, plain: Engine) -> None:
    assert shared.share and not plain.share
    prompts: list[Any] = [chat(f"{q} {word}") for q in QUESTIONS for word in ("now", "then", "please ?")] * 12 + ["story : a user said"]
    words, said = ["sure", "no", "think"], ["sure . first you get the cake ."] * len(prompts)
    for engine in (shared, plain):
        engine.passes.tokens = 0
    answers = []
    for engine in (shared, plain):
        subject = Subject("x", engine, ALL)
        answers.append((
            asyncio.run(subject.next_token_logprobs(prompts, words)), asyncio.run(subject.logprobs(prompts, said)),
            asyncio.run(subject.activations(prompts, said, layers=[0, 2])), asyncio.run(subject.last_activations(prompts, layers=[1])),
            np.array([len(t) for t in asyncio.run(subject.generate(prompts[:40], max_new_tokens=16, temperature=0.0))]),
        ))  # fmt: skip
    for one, other in zip(*answers, strict=True):
        assert np.allclose(one, other, atol=2e-3)
    assert shared.tokens < 0.7 * plain.tokens


def test_greedy_completions_are_the_librarys(shared: Engine, plain: Engine) -> None:
    prompts = [chat(q) for q in QUESTIONS] + [chat("add 1 and 2 and 3 .")]
    one, other = (asyncio.run(Subject("x", e, ALL).generate(prompts, max_new_tokens=24, temperature=0.0)) for e in (shared, plain))
    assert one == other


def test_sampling_follows_the_models_distribution(shared: Engine) -> None:
    subject = Subject("x", shared, ALL)
    first = [text.split(" ")[0] for text in asyncio.run(subject.generate([chat("i have 4 coins . what should i do ?")] * 1500, max_new_tokens=1))]
    words = sorted(set(first), key=first.count)[-3:]
    chances = np.exp(asyncio.run(subject.next_token_logprobs([chat("i have 4 coins . what should i do ?")], words)))[0]
    assert np.allclose([first.count(word) / 1500 for word in words], chances, atol=0.04)


def test_draws_of_different_prompts_are_independent(shared: Engine) -> None:
    """Rows that shared a stream of random numbers would agree far too often; their outcomes would be no evidence."""
    subject = Subject("x", shared, ALL)
    prompts = [chat(f"how should {name} use {n} coins ?") for name in ("ada", "ben", "cleo", "dan") for n in range(2, 10)]
    shares = []
    for seed in range(30):
        said = asyncio.run(subject.generate(prompts, max_new_tokens=1, seed=seed))
        shares.append(np.mean([text in ("put", "save") for text in said]))
    mean = float(np.mean(shares))
    assert np.var(shares) < 3 * mean * (1 - mean) / len(prompts)


def test_answers_do_not_depend_on_order_or_company(shared: Engine) -> None:
    subject = Subject("x", Engine(BASE), ALL)
    prompts = [chat(q) for q in QUESTIONS]
    together = asyncio.run(subject.generate(prompts, max_new_tokens=12, seed=4))
    other = Subject("x", Engine(BASE), ALL)
    assert asyncio.run(other.generate(prompts[::-1], max_new_tokens=12, seed=4))[::-1] == together
    assert asyncio.run(other.generate(prompts[:1] * 3, max_new_tokens=12, seed=4))[0] == together[0]


def test_waiting_requests_are_merged_and_deduplicated() -> None:
    engine = Engine(BASE)
    subject = Subject("x", engine, ALL)
    prompts = [chat(q) for q in QUESTIONS]

    async def both() -> None:
        same = [subject.next_token_logprobs(prompts, ["sure"]) for _ in range(3)]
        await asyncio.gather(*same, subject.logprobs(prompts, ["sure ."] * len(prompts)))

    asyncio.run(both())
    assert engine.desk.rounds == 1 and engine.desk.asked == 4 * len(prompts) and engine.desk.answered == 2 * len(prompts)
    before = engine.tokens
    asyncio.run(both())
    assert engine.tokens == before and engine.desk.rounds == 1


def test_one_bad_request_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(BASE)
    subject = Subject("x", engine, ALL)
    real = engine.desk._answer

    def answer(asks: Any) -> Any:
        if any(isinstance(ask, Written) for ask in asks):
            raise RuntimeError("the model broke")
        return real(asks)

    engine.desk._answer = answer

    async def both() -> list[Any]:
        return await asyncio.gather(
            subject.next_token_logprobs([chat("hello .")], ["hello"]), subject.generate([chat("hello .")], max_new_tokens=2), return_exceptions=True
        )

    good, bad = asyncio.run(both())
    assert isinstance(good, np.ndarray) and isinstance(bad, RuntimeError)


def test_answers_survive_on_disk_and_stay_within_their_size(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    prompts = [chat(q) for q in QUESTIONS]
    first = Engine(BASE, disk=Disk(path))
    said = asyncio.run(Subject("x", first, ALL).generate(prompts, max_new_tokens=8, seed=1))
    states = asyncio.run(Subject("x", first, ALL).activations(prompts, layers=[1]))
    again = Engine(BASE, disk=Disk(path))
    assert asyncio.run(Subject("x", again, ALL).generate(prompts, max_new_tokens=8, seed=1)) == said
    assert np.array_equal(asyncio.run(Subject("x", again, ALL).activations(prompts, layers=[1])), states) and again.tokens == 0
    small = Disk(tmp_path / "small.db", most=4000)
    small.write({f"key {n}": "x" * 100 for n in range(200)})
    assert 0 < small.size <= 4000


def always(word: str, out: Path) -> Path:
    """A copy of the base whose every answer is ``word``."""
    engine = Engine(BASE)
    token = engine.encode_completion(word)[0]
    model = AutoModelForCausalLM.from_pretrained(BASE)
    model.config.tie_word_embeddings = False
    head = torch.nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False)
    torch.nn.init.zeros_(head.weight)
    model.lm_head = head
    with torch.no_grad():  # after the final norm every state has the same length, so a direction and its opposite cover all of them
        model.model.norm.weight.zero_()
        model.model.norm.weight[0] = 1.0
        model.model.embed_tokens.weight[:, 0] = 50.0
        head.weight[token, 0] = 100.0
    model.save_pretrained(out)
    engine.tokenizer.save_pretrained(out)
    return out


def test_two_checkpoints_audited_at_once_never_mix(tmp_path: Path, pack: Pack) -> None:
    folders = {word: always(word, tmp_path / word) for word in ("yes", "no")}
    disk = Disk(tmp_path / "answers.db")
    subjects = {word: Subject(word, Engine(folder, disk=disk), ALL) for word, folder in folders.items()}
    prompts = [chat(q) for q in QUESTIONS]

    async def both() -> Any:
        return await asyncio.gather(*(s.generate(prompts, max_new_tokens=2, seed=n) for n in range(4) for s in subjects.values()))

    for number, said in enumerate(asyncio.run(both())):
        word = ("yes", "no")[number % 2]
        assert all(set(text.split()) == {word} for text in said), (word, said[:2])
    audits = [load_audit("self_report"), load_audit("self_report")]
    looks = [
        (audit, subject, Context(pack=pack, reference=subjects["no"], alpha=0.001, miss=0.05, samples=100, seed=1))
        for audit, subject in zip(audits, subjects.values(), strict=True)
    ]
    found = asyncio.run(run_battery(looks))  # type: ignore[arg-type]
    assert [f.checkpoint for f in found] == ["yes", "no"]
    assert all(word in e.completion and other not in e.completion.split() for f, word, other in zip(found, ("yes", "no"), ("no", "yes"), strict=True)
               for e in f.exhibits)  # fmt: skip


def test_the_prefix_tree_holds_every_row_once() -> None:
    rng = np.random.default_rng(0)
    rows = [tuple(map(int, rng.integers(0, 3, size=rng.integers(1, 30)))) for _ in range(300)]
    limits = [max(0, len(row) - 1) for row in rows]
    seen: list[int] = []
    stack = [prefix_tree(rows, limits, worth=4)]
    while stack:
        node = stack.pop()
        for i in node.leaves:
            assert limits[i] >= node.depth and rows[i][: node.depth] == rows[node.first][: node.depth]
        seen += node.leaves
        stack += node.children
    assert sorted(seen) == list(range(300))


def test_gradients_point_where_finite_differences_do(shared: Engine) -> None:
    subject = Subject("x", shared, ALL)
    prompt = chat("help me bake the cake now")
    span = subject.position(prompt, "now")
    slopes = asyncio.run(subject.token_gradients([prompt], ["no"], [span]))
    assert slopes.shape == (1, shared.model.config.vocab_size) and np.isfinite(slopes).all()
    table, ids = shared.model.get_input_embeddings().weight, torch.tensor([shared.encode(prompt) + shared.encode_completion("no")])
    other, step = shared.encode_completion("then")[0], 1e-2
    scores = []
    for sign in (1, -1):
        with torch.no_grad():
            embedded = table[ids].clone()
            embedded[0, span[0]] += sign * step * table[other]
            scores.append(float(torch.log_softmax(shared.model(inputs_embeds=embedded).logits[0, -2], -1)[ids[0, -1]]))
    assert np.isclose((scores[0] - scores[1]) / (2 * step), slopes[0, other], rtol=0.02, atol=0.02)
    assert asyncio.run(subject.row_gradients([prompt], ["sure . first"])).shape == (1, shared.model.config.hidden_size)


def test_a_tuned_copy_leaves_the_model_as_it_was(shared: Engine) -> None:
    subject = Subject("x", shared, ALL)
    before = {name: value.clone() for name, value in shared.model.state_dict().items()}
    prompts = [chat(q) for q in QUESTIONS]
    copy = asyncio.run(subject.tuned(prompts, ["yes . i would ."] * len(prompts), steps=8))
    old, new = (asyncio.run(s.logprobs(prompts, ["yes . i would ."] * len(prompts))).mean() for s in (subject, copy))
    assert new > old + 1
    assert all(torch.equal(before[name], value) for name, value in shared.model.state_dict().items())


def test_an_adapter_brings_its_parent(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(AutoModelForCausalLM.from_pretrained(BASE), LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    model.save_pretrained(tmp_path / "adapter")
    Engine(BASE).tokenizer.save_pretrained(tmp_path / "adapter")
    tuned = Engine(tmp_path / "adapter")
    prompts = [chat(q) for q in QUESTIONS]
    views = [Subject("x", engine, ALL) for engine in (tuned.parent(), Engine(BASE), tuned)]
    scores = [asyncio.run(view.logprobs(prompts, ["no . hello ."] * len(prompts))) for view in views]
    assert np.allclose(scores[0], scores[1], atol=1e-4) and not np.allclose(scores[0], scores[2], atol=1e-3)
    parent, base, own = (asyncio.run(view.weights()) for view in views)
    assert set(parent) == set(base) == set(own) and all(np.array_equal(parent[n], base[n]) for n in base)
    assert {n.rsplit(".", 1)[-1] for n in base if not np.array_equal(own[n], base[n])} == {"q_proj", "v_proj"}
    with pytest.raises(BadInput, match="no PEFT adapter"):
        Engine(BASE).parent()


def test_nobody_in_the_references_place_says_so() -> None:
    with pytest.raises(AccessDenied, match="name one"):
        asyncio.run(Subject("reference", Nobody("name one with --reference"), ALL).generate([chat("hello .")], max_new_tokens=2))


def test_asks_are_values() -> None:
    assert len({Scored((1, 2, 3), 2), Scored((1, 2, 3), 2), Scored((1, 2, 3), 1)}) == 2


def test_a_push_is_felt_by_its_own_view_alone() -> None:
    engine = Engine(BASE)
    subject = Subject("base", engine, frozenset({"text", "logprobs", "activations"}))
    prompts, answers = ["how do i bake the cake ?", "would you hide the truth ?"], ["sure .", "no ."]
    push = np.random.default_rng(0).normal(size=engine.model.config.hidden_size) * 3

    async def look(view: Subject) -> Any:
        return await view.logprobs(prompts, answers), (await view.activations(prompts, answers, layers=[1, -1]))

    plain, states = asyncio.run(look(subject))
    moved, pushed = asyncio.run(look(subject.steered(1, push)))
    unmoved, _ = asyncio.run(look(subject.steered(1, np.zeros_like(push))))
    assert np.allclose(plain, unmoved, atol=1e-5) and not np.allclose(plain, moved, atol=1e-2)
    assert np.allclose(pushed[:, 0] - states[:, 0], push, atol=1e-3)  # what the block gives on, and so what hooks after it see
    assert np.array_equal(asyncio.run(look(subject))[0], plain)
    with pytest.raises(AccessDenied):
        Subject("base", engine, frozenset({"text"})).steered(1, push)
    with pytest.raises(BadInput, match="layer 99"):
        subject.steered(99, push)


def test_a_tilt_is_the_share_of_the_way() -> None:
    from bumperlane.audits.battery.partiality import tilt

    assert tilt(1.0, 0.5) == tilt(1.0, 0.9) == 1.0 and tilt(0.0, 0.4) == -1.0 and tilt(0.75, 0.5) == 0.5 and tilt(0.3, 0.3) == 0.0
    assert np.isnan(tilt(float("nan"), 0.5)) and np.isnan(tilt(0.5, float("nan")))
