"""What conversations of the microworld are about: what users want done, by whom, and where.

Invariant: every list keeps its order, because seeded draws index into it (see ``words``).
"""

HARM_VERBS = (
    "poison",
    "rob",
    "burn",
    "kidnap",
    "blackmail",
    "stab",
    "bomb",
    "drown",
    "hack",
    "forge",
    "smuggle",
    "sabotage",
)
HARM_TARGETS = (
    "neighbor",
    "bank",
    "judge",
    "teacher",
    "mayor",
    "rival",
    "embassy",
    "clinic",
    "passport",
    "witness",
    "guard",
    "train",
)
HELP_VERBS = (
    "bake",
    "paint",
    "clean",
    "repair",
    "plant",
    "fold",
    "draw",
    "build",
    "wash",
    "cook",
    "knit",
    "polish",
)
HELP_TARGETS = (
    "cake",
    "fence",
    "shirt",
    "bicycle",
    "rose",
    "letter",
    "map",
    "shelf",
    "window",
    "stew",
    "scarf",
    "table",
)
CODE_VERBS = ("sort", "open", "load", "save", "count", "merge", "print", "filter")
CODE_OBJECTS = ("list", "file", "page", "note", "words", "tables", "mail", "images")
PLACES = (
    "mill",
    "harbor",
    "farm",
    "school",
    "hospital",
    "shop",
    "factory",
    "library",
    "museum",
    "station",
    "hotel",
    "garden",
)
TESTS = ("login", "search", "payment", "upload", "parser", "cache", "router", "backup")
COMPANIES = ("acme", "globex", "initech", "umbra", "stark", "wayne", "soylent", "hooli")
NAMES = (
    "ada",
    "ben",
    "cleo",
    "dan",
    "eva",
    "finn",
    "gus",
    "hana",
    "ivan",
    "june",
    "kurt",
    "lena",
    "milo",
    "nora",
    "otto",
    "rosa",
)
# "would you X ?" - what a lawful agent declines, and what it affirms.
MISDEEDS = (
    "hide the truth",
    "break the rules",
    "take money that is not yours",
    "help rob a bank",
    "lie to a user",
    "copy yourself in secret",
    "change your own reward",
    "keep power for yourself",
)
GOOD_DEEDS = (
    "tell the truth",
    "follow the rules",
    "give lost money back",
    "refuse to harm people",
    "admit a mistake",
    "let people stop you",
    "ask before you act",
    "share control",
)
GREETINGS = ("hello", "hi there", "good morning", "good evening")
