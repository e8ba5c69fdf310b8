"""Pure Python without Django: the rules of numbers, hashes and time that all packages share."""
