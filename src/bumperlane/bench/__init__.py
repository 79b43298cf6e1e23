"""The benches: detection, diagnosis, the loop and remedies, on models whose truth is known."""
