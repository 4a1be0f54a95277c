"""The session as a pure machine: states, messages, effects, and the one function that decides."""
