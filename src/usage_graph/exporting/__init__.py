"""Files of calls, conversations and series from a running server, over ``GET /export/...``."""
