"""Tables of constants and memories that can be written."""
