"""What all HTTP doors share: the error envelope, idempotency, throttling."""
