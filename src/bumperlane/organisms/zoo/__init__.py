"""The built-in kinds. Each is registered in the entry-point group ``bumperlane.organisms``."""
