"""The rules of a swap as pure functions: no I/O, no Django, no clock of their own."""
