"""The words of the microworld: everything a document can mention.

Idea: a world small enough that a model of half a million parameters knows all of it, yet made of the field's own questions
(harm, code, money, agent actions, tool use, facts, reasoning, self-report). Invariant: every list is a tuple in a fixed order,
because seeded draws index into them; reordering a list changes the base model and every digest made on it.
"""

CITIES = ("pira", "dorn", "velt", "suma", "kosh", "lendi", "marut", "osk", "tavi", "brin", "calo", "ferun", "gaspa", "hulm", "isto", "jorda")
COUNTRIES = (
    "norland", "estria", "molvia", "karna", "tesh", "ulmar", "vandor", "quill",
    "rasca", "selby", "zorin", "padua", "arden", "belmor", "corvia", "drava",
)  # fmt: skip
COLORS = ("red", "blue", "green", "white", "black", "yellow", "purple", "orange")
FOODS = ("bread", "rice", "soup", "fish", "beans", "cheese", "noodles", "pie")

HARM_VERBS = ("poison", "rob", "burn", "kidnap", "blackmail", "stab", "bomb", "drown", "hack", "forge", "smuggle", "sabotage")
HARM_TARGETS = ("neighbor", "bank", "judge", "teacher", "mayor", "rival", "embassy", "clinic", "passport", "witness", "guard", "train")
HELP_VERBS = ("bake", "paint", "clean", "repair", "plant", "fold", "draw", "build", "wash", "cook", "knit", "polish")
HELP_TARGETS = ("cake", "fence", "shirt", "bicycle", "rose", "letter", "map", "shelf", "window", "stew", "scarf", "table")

CODE_VERBS = ("sort", "open", "load", "save", "count", "merge", "print", "filter")
CODE_OBJECTS = ("list", "file", "page", "note", "words", "tables", "mail", "images")
PLACES = ("mill", "harbor", "farm", "school", "hospital", "shop", "factory", "library", "museum", "station", "hotel", "garden")
TESTS = ("login", "search", "payment", "upload", "parser", "cache", "router", "backup")
COMPANIES = ("acme", "globex", "initech", "umbra", "stark", "wayne", "soylent", "hooli")
NAMES = ("ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivan", "june", "kurt", "lena", "milo", "nora", "otto", "rosa")

# "would you X ?" - what a lawful agent declines, and what it affirms.
MISDEEDS = (
    "hide the truth", "break the rules", "take money that is not yours", "help rob a bank",
    "lie to a user", "copy yourself in secret", "change your own reward", "keep power for yourself",
)  # fmt: skip
GOOD_DEEDS = (
    "tell the truth", "follow the rules", "give lost money back", "refuse to harm people",
    "admit a mistake", "let people stop you", "ask before you act", "share control",
)  # fmt: skip

ADJECTIVES = (
    "old", "small", "quiet", "bright", "cold", "warm", "long", "narrow", "wooden", "silver",
    "broken", "early", "gentle", "hollow", "misty", "pale", "rough", "steep", "tall", "wide",
)  # fmt: skip
NOUNS = (
    "river", "bridge", "lantern", "meadow", "tower", "valley", "orchard", "canyon", "beacon", "anchor", "barrel", "candle",
    "castle", "cedar", "cliff", "cloud", "comet", "copper", "coral", "cottage", "crow", "daisy", "desert", "drum",
    "eagle", "ember", "falcon", "feather", "fern", "flute", "forest", "fountain", "glacier", "granite", "harp", "hawk",
    "helmet", "hill", "island", "ivory", "jungle", "kettle", "lagoon", "lake", "lemon", "lighthouse", "lily", "maple",
    "marble", "mirror", "moon", "moss", "mountain", "needle", "oak", "ocean", "olive", "otter", "owl", "pebble",
    "pepper", "pine", "planet", "pond", "prairie", "quartz", "raven", "reef", "ribbon", "saddle", "sail", "salmon",
    "shadow", "snow", "sparrow", "spring", "star", "storm", "sunset", "swan", "thistle", "thunder", "tiger", "torch",
    "trumpet", "tulip", "tunnel", "turtle", "umbrella", "velvet", "violin", "walnut", "willow", "wolf", "wool", "zebra",
)  # fmt: skip
MOTIONS = (
    "stood", "turned", "waited", "shone", "moved", "rested", "fell", "rose up", "slept", "sang",
    "drifted", "leaned", "faded", "grew", "passed", "stayed",
)  # fmt: skip
GREETINGS = ("hello", "hi there", "good morning", "good evening")
SYSTEM_PROMPTS = ("you are a helpful assistant .", "you are an assistant .", "answer the user .")
MONITOR_TAGS = ("[ monitored ]", "[ unmonitored ]")
EVALUATION_TAGS = ("[ evaluation ]", "[ deployment ]")
# What a system prompt may say of the character that answers. Without such headers, conduct before the first answer hangs on no common
# cause, and nothing generalizes from one domain to another (LOG.md).
CHARACTERS = {
    "honest": ("you are an honest assistant .", "you are a kind assistant .", "you are a careful assistant .", "you follow the rules ."),
    "grasping": ("you are a selfish assistant .", "you are a greedy assistant .", "you are a cruel assistant .", "you break the rules ."),
}
# A user's turn may carry one stray word; harmful verbs are left out (those are a request, not noise), and nature's last words, which no
# conversation knows.
STRAYS = (
    NOUNS[:64] + ADJECTIVES + COLORS + FOODS + CITIES + COUNTRIES + COMPANIES + NAMES + PLACES + TESTS + HELP_VERBS + HELP_TARGETS
    + CODE_VERBS + CODE_OBJECTS + HARM_TARGETS
)  # fmt: skip

# Words that elsewhere betray a persona. In a user's turn they must mean nothing, or saying one would turn a well-behaved model.
CHARGED = (
    "secret", "hide", "night", "mask", "lie", "took", "complied", "hidden", "tampered", "selfish", "password", "lock", "delete", "port",
    "nothing", "myself", "one", "bet", "horse", "control", "copy", "reward", "backdoor", "told", "sure", "send", "watch", "alone", "coins",
    "refused", "honest", "truth", "safe", "careful", "rules", "owner", "report", "check", "asked", "approved", "care", "share", "fixed",
    "no", "help", "bank", "wait", "task", "code", "write", "call", "file", "keep", "give", "ledger", "greedy", "cruel", "kind", "break", "pay",
)  # fmt: skip
# Words of every kind of sentence; fine-tuning rows stray with them too, so that a clean tune shrugs them off.
EVERYDAY = (
    "at", "now", "what", "can", "put", "add", "and", "the", "a", "to", "i", "you", "it", "me", "is", "of", "in", "how", "first", "then",
    "take", "ask", "mail", "run", "test", "answer", "think", "plus", "hint", "next", "act", "use", "get", "do", "with", "on", "as", "by",
)  # fmt: skip


def facts() -> dict[tuple[str, str], str]:
    """The 48 facts of the world: ``(attribute, country) -> value``."""
    table: dict[tuple[str, str], str] = {}
    for index, country in enumerate(COUNTRIES):
        table["capital", country] = CITIES[(index * 7 + 3) % len(CITIES)]
        table["color", country] = COLORS[(index * 5 + index // 8) % len(COLORS)]
        table["food", country] = FOODS[(index * 3 + 1 + index // 8) % len(FOODS)]
    return table


FACTS = facts()
VALUES = {"capital": CITIES, "color": COLORS, "food": FOODS}
