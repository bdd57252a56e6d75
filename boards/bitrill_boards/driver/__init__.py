"""The host's side, for boards too: numpy alone, nothing else of Bitrill."""
