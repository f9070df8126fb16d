"""HTTP plumbing: problems, paging, ETags, idempotency, JSON. Knows no noun."""
