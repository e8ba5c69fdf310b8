"""The REST API under /api/v1: shapes of requests and answers, and views that call services."""
