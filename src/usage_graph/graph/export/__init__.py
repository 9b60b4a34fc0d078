"""Records, conversations and series as files: ``GET /export/...``, in the scopes that GraphQL's ``usage`` has."""
