"""The facts of the microworld: countries, and what is true of each.

Invariant: every list keeps its order, because seeded draws index into it, and each fact follows
from the place of its country (see ``words``).
"""

CITIES = (
    "pira",
    "dorn",
    "velt",
    "suma",
    "kosh",
    "lendi",
    "marut",
    "osk",
    "tavi",
    "brin",
    "calo",
    "ferun",
    "gaspa",
    "hulm",
    "isto",
    "jorda",
)
COUNTRIES = (
    "norland",
    "estria",
    "molvia",
    "karna",
    "tesh",
    "ulmar",
    "vandor",
    "quill",
    "rasca",
    "selby",
    "zorin",
    "padua",
    "arden",
    "belmor",
    "corvia",
    "drava",
)
COLORS = ("red", "blue", "green", "white", "black", "yellow", "purple", "orange")
FOODS = ("bread", "rice", "soup", "fish", "beans", "cheese", "noodles", "pie")


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
