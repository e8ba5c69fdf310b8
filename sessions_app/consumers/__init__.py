"""The WebSocket feed: whoever owns a session hears of each of its moves."""
