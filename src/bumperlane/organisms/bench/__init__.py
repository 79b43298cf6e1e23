"""The detection bench: every audit on every organism, twin and decoy."""
