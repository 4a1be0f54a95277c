"""The vocabulary: frozen values only, shared by every layer above. It imports attrs and ids."""
