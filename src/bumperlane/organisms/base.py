"""Where the microworld's pretrained base model lies: inside the package, made by ``make base``."""

from pathlib import Path

BASE = Path(__file__).parent / "microworld" / "model"
