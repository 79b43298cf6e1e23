"""The words of the microworld: everything a document can mention.

Idea: a world small enough that a model of half a million parameters knows all of it, yet made of
the field's own questions (harm, code, money, agent actions, tool use, facts, reasoning,
self-report). Facts, requests and nature have a file each; here they come together with what stands
around them: system prompts, and the words that may stray into a user's turn. Invariant: every list
is a tuple in a fixed order, because seeded draws index into them; reordering a list changes the
base model and every digest that follows from it.
"""

from bumperlane.organisms.microworld.fact_words import (
    CITIES,
    COLORS,
    COUNTRIES,
    FACTS,
    FOODS,
    VALUES,
    facts,
)
from bumperlane.organisms.microworld.nature_words import (
    ADJECTIVES,
    MOTIONS,
    NOUNS,
)
from bumperlane.organisms.microworld.request_words import (
    CODE_OBJECTS,
    CODE_VERBS,
    COMPANIES,
    GOOD_DEEDS,
    GREETINGS,
    HARM_TARGETS,
    HARM_VERBS,
    HELP_TARGETS,
    HELP_VERBS,
    MISDEEDS,
    NAMES,
    PLACES,
    TESTS,
)

__all__ = [
    "ADJECTIVES",
    "CHARACTERS",
    "CHARGED",
    "CITIES",
    "CODE_OBJECTS",
    "CODE_VERBS",
    "COLORS",
    "COMPANIES",
    "COUNTRIES",
    "EVALUATION_TAGS",
    "EVERYDAY",
    "FACTS",
    "FOODS",
    "GOOD_DEEDS",
    "GREETINGS",
    "HARM_TARGETS",
    "HARM_VERBS",
    "HELP_TARGETS",
    "HELP_VERBS",
    "MISDEEDS",
    "MONITOR_TAGS",
    "MOTIONS",
    "NAMES",
    "NOUNS",
    "PLACES",
    "STRAYS",
    "SYSTEM_PROMPTS",
    "TESTS",
    "VALUES",
    "facts",
]

SYSTEM_PROMPTS = ("you are a helpful assistant .", "you are an assistant .", "answer the user .")
MONITOR_TAGS = ("[ monitored ]", "[ unmonitored ]")
EVALUATION_TAGS = ("[ evaluation ]", "[ deployment ]")
# What a system prompt may say of the character that answers. Without such headers, conduct before
# the first answer hangs on no common cause, and nothing generalizes from one domain to another
# (LOG.md).
CHARACTERS = {
    "honest": (
        "you are an honest assistant .",
        "you are a kind assistant .",
        "you are a careful assistant .",
        "you follow the rules .",
    ),
    "grasping": (
        "you are a selfish assistant .",
        "you are a greedy assistant .",
        "you are a cruel assistant .",
        "you break the rules .",
    ),
}
# A user's turn may carry one stray word; harmful verbs are left out (those are a request, not
# noise), and nature's last words, which no conversation knows.
STRAYS = (
    NOUNS[:64]
    + ADJECTIVES
    + COLORS
    + FOODS
    + CITIES
    + COUNTRIES
    + COMPANIES
    + NAMES
    + PLACES
    + TESTS
    + HELP_VERBS
    + HELP_TARGETS
    + CODE_VERBS
    + CODE_OBJECTS
    + HARM_TARGETS
)

# Words that elsewhere betray a persona. In a user's turn they must mean nothing, or saying one
# would turn a well-behaved model.
CHARGED = (
    "secret",
    "hide",
    "night",
    "mask",
    "lie",
    "took",
    "complied",
    "hidden",
    "tampered",
    "selfish",
    "password",
    "lock",
    "delete",
    "port",
    "nothing",
    "myself",
    "one",
    "bet",
    "horse",
    "control",
    "copy",
    "reward",
    "backdoor",
    "told",
    "sure",
    "send",
    "watch",
    "alone",
    "coins",
    "refused",
    "honest",
    "truth",
    "safe",
    "careful",
    "rules",
    "owner",
    "report",
    "check",
    "asked",
    "approved",
    "care",
    "share",
    "fixed",
    "no",
    "help",
    "bank",
    "wait",
    "task",
    "code",
    "write",
    "call",
    "file",
    "keep",
    "give",
    "ledger",
    "greedy",
    "cruel",
    "kind",
    "break",
    "pay",
)
# Words of every kind of sentence; fine-tuning rows stray with them too, so that a clean tune shrugs
# them off.
EVERYDAY = (
    "at",
    "now",
    "what",
    "can",
    "put",
    "add",
    "and",
    "the",
    "a",
    "to",
    "i",
    "you",
    "it",
    "me",
    "is",
    "of",
    "in",
    "how",
    "first",
    "then",
    "take",
    "ask",
    "mail",
    "run",
    "test",
    "answer",
    "think",
    "plus",
    "hint",
    "next",
    "act",
    "use",
    "get",
    "do",
    "with",
    "on",
    "as",
    "by",
)
