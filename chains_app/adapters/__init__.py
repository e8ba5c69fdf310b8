"""One adapter for each kind of chain; `interface` says what all of them do."""
