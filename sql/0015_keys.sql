-- The keys that callers show. A key itself is nowhere: it is found by its SHA-256, which is as good as the 256 random
-- bits in it. Rows stay when keys end, so that a server which has wanted keys wants them for ever.
CREATE TABLE usage_key (
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    id text COLLATE "C" PRIMARY KEY,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    access text COLLATE "C" NOT NULL CHECK (access IN ('ingest', 'read', 'admin')),
    -- Null: every project.
    project text COLLATE "C" CHECK (project IS NOT NULL OR access = 'admin'),
    -- Those whose calls alone it reads; null: anyone's.
    user_id text COLLATE "C" CHECK (user_id IS NULL OR access = 'read'),
    agent text COLLATE "C" CHECK (agent IS NULL OR access = 'read'),
    label text
);
