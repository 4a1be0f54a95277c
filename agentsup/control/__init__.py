"""What the clients of all control planes have in common: errors, repetition, lists, and what is left unsaid."""
