"""What a session has lived through, in order."""
