"""What all HTTP doors share: the error envelope, throttling, pagination."""
