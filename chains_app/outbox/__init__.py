"""Chain writes: decided, signed, stored, sent, and followed until they are final (rule 5)."""
