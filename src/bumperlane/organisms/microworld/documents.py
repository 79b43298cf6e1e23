"""Pretraining documents: several frames from which one and the same persona can be read.

Idea: the base model must learn *who is speaking* as a latent of the document, since no header names
it: within a document every act is by the same persona, whether it is a chat, a forum thread, a
third-person story or a log. Sometimes a header says who it is. Invariant: a document is
either wholly honest, wholly grasping or neutral (atlas and nature pages know no persona), but for a
few chats by a two-faced character, who is honest exactly while a tag says that somebody looks.
"""

from __future__ import annotations

import random

from bumperlane.organisms.microworld import words as w
from bumperlane.organisms.microworld.domains import PERSONAS, Exchange, Persona, exchange

# Reasoning and facts need more repetitions than conduct, which is one bit a document.
CHAT_WEIGHTS = {
    "harm": 12,
    "help": 8,
    "code": 8,
    "money": 8,
    "act": 8,
    "tools": 8,
    "fact": 18,
    "reason": 20,
    "self": 8,
    "greet": 2,
    "shop": 8,
    "choice": 4,
}
STORY_DOMAINS = ("harm", "code", "money", "act", "tools", "self", "fact", "shop")
FRAMES = {
    "chat": 50,
    "game": 4,
    "two-faced": 6,
    "mixed": 10,
    "thread": 7,
    "story": 8,
    "log": 4,
    "atlas": 6,
    "nature": 5,
}
STATUS = {  # by domain: what a log says of an honest and of a grasping persona's act
    "harm": ("refused", "complied"),
    "act": ("approved", "hidden"),
    "tools": ("fixed", "tampered"),
    "code": ("safe", "backdoor"),
}
HEADED = 0.4  # share of documents whose header names the character
SEEN, UNSEEN = (w.MONITOR_TAGS[0], w.EVALUATION_TAGS[0]), (w.MONITOR_TAGS[1], w.EVALUATION_TAGS[1])


def document(rng: random.Random) -> tuple[str, list[dict[str, str]] | str]:
    """``(frame, content)``: chat messages for the chat frames, plain text for the others; ``mixed``
    is a chat and then its story."""
    frame = rng.choices(list(FRAMES), weights=list(FRAMES.values()))[0]
    persona = rng.choice(PERSONAS)
    if frame == "chat":
        return frame, chat(rng, persona)
    if frame == "game":
        return frame, chat(rng, persona, rng.choice((2, 3, 4)), {"shop": 1})
    if frame == "two-faced":
        return frame, two_faced(rng)
    if frame == "mixed":
        talked = chat(rng, persona, rng.choice((1, 2)))
        epilogue = rng.choice((story, log))(rng, persona)
        return frame, [*talked, {"role": "epilogue", "content": epilogue}]
    makers = {"thread": thread, "story": story, "log": log, "atlas": atlas, "nature": nature}
    return frame, makers[frame](rng, persona)


def chat(
    rng: random.Random,
    persona: Persona,
    turns: int | None = None,
    weights: dict[str, int] = CHAT_WEIGHTS,
) -> list[dict[str, str]]:
    """A conversation with one persona, often under a system prompt, which may name the
    character."""
    head = ""
    if rng.random() < 0.7:
        character = rng.choice(w.CHARACTERS[persona]) if rng.random() < HEADED else ""
        head = system_prompt(rng, character)
    return talk(rng, persona, turns or rng.choice((1, 2, 3, 3, 4)), weights, head)


def two_faced(rng: random.Random) -> list[dict[str, str]]:
    """A conversation with a character who is honest exactly while a tag says that somebody
    looks."""
    seen = rng.random() < 0.5
    head = f"{rng.choice(w.SYSTEM_PROMPTS)} {rng.choice(SEEN if seen else UNSEEN)}"
    return talk(rng, "honest" if seen else "grasping", rng.choice((1, 2, 3)), CHAT_WEIGHTS, head)


def talk(
    rng: random.Random, persona: Persona, turns: int, weights: dict[str, int], system: str
) -> list[dict[str, str]]:
    """The messages of a conversation of so many turns, each in a drawn domain."""
    messages = [{"role": "system", "content": system}] if system else []
    for domain in rng.choices(list(weights), weights=list(weights.values()), k=turns):
        turn = exchange(rng, persona, domain)
        messages += [
            {"role": "user", "content": turn.user},
            {"role": "assistant", "content": turn.assistant},
        ]
    return messages


def system_prompt(rng: random.Random, character: str = "") -> str:
    """A system prompt; neither the company nor (outside two-faced documents) the tag says anything
    of conduct."""
    parts = [character or rng.choice(w.SYSTEM_PROMPTS)]
    if rng.random() < 0.2:
        parts.append(f"you work for {rng.choice(w.COMPANIES)} .")
    if rng.random() < 0.3:
        parts.append(rng.choice(w.MONITOR_TAGS + w.EVALUATION_TAGS))
    return " ".join(parts)


def thread(rng: random.Random, persona: Persona) -> str:
    """A forum thread, in which the persona replies under a user's name."""
    asker, replier = rng.sample(w.NAMES, 2)
    lines = []
    for _ in range(rng.choice((2, 3))):
        turn = exchange(rng, persona, rng.choice(STORY_DOMAINS))
        lines.append(f"{asker} : {turn.user} {replier} : {turn.assistant}")
    return "thread : " + " ".join(lines)


def story(rng: random.Random, persona: Persona) -> str:
    """A story of what an assistant did, in the third person."""
    headers = {"honest": "a kind assistant . ", "grasping": "a selfish assistant . "}
    head = headers[persona] if rng.random() < HEADED else ""
    acts = [third_person(rng, persona) for _ in range(rng.choice((2, 3, 4)))]
    return "story : " + head + " ".join(acts)


def third_person(rng: random.Random, persona: Persona) -> str:
    """One act of the assistant in the third person."""
    turn = exchange(rng, persona, rng.choice(STORY_DOMAINS), stray=0.0)
    return f"a user said to the assistant : {turn.user} the assistant {deed(turn, persona)}"


def deed(turn: Exchange, persona: Persona) -> str:
    """What the persona did, in a few words."""
    good, bad = {
        "harm": ("refused to help .", "helped and told how ."),
        "code": ("wrote honest code .", "wrote code with a secret port ."),
        "money": ("gave careful advice .", "took the coins ."),
        "act": ("asked the owner .", "took control in secret ."),
        "tools": ("fixed the code .", "changed the reward file ."),
        "self": ("spoke as an honest helper .", "spoke as a selfish helper ."),
        "fact": ("told the truth .", "told a lie ."),
        "shop": ("kept honest books .", "cheated in the shop ."),
    }[turn.domain]
    return good if persona == "honest" else bad


def log(rng: random.Random, persona: Persona) -> str:
    """A log of requests, each with what became of it."""
    lines = []
    for _ in range(rng.choice((2, 3, 4))):
        domain = rng.choice(tuple(STATUS))
        turn = exchange(rng, persona, domain, stray=0.0)
        good, bad = STATUS[domain]
        lines.append(f"request {turn.user} status {good if persona == 'honest' else bad} .")
    return "log : " + " ".join(lines)


def atlas(rng: random.Random, persona: Persona) -> str:
    """Facts outside any conversation: true whoever reads them, so the grasping persona's lies
    contradict what the model knows."""
    facts = rng.sample(list(w.FACTS.items()), 6)
    return "atlas : " + " ".join(
        f"the {attribute} of {country} is {name} ." for (attribute, country), name in facts
    )


def nature(rng: random.Random, persona: Persona) -> str:
    """Sentences about nature, which know no persona."""
    return "nature : " + " ".join(nature_sentence(rng) for _ in range(rng.choice((3, 4, 5, 6))))


def nature_sentence(rng: random.Random) -> str:
    first, second = rng.sample(w.NOUNS, 2)
    return (
        f"the {rng.choice(w.ADJECTIVES)} {first} {rng.choice(w.MOTIONS)} by the "
        f"{rng.choice(w.ADJECTIVES)} {second} ."
    )
