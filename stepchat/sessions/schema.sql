-- Version 1 of the session database. Later versions are steps in migrations.py; this file is not edited for them.
-- Times are Unix times in seconds. Text that may hold lone surrogates is kept as a JSON string.

CREATE TABLE session (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    title        TEXT    NOT NULL DEFAULT '',
    title_edited INTEGER NOT NULL DEFAULT 0,
    created      REAL    NOT NULL,
    updated      REAL    NOT NULL,
    leaf         TEXT    REFERENCES message (id),
    model        TEXT    NOT NULL,
    server       TEXT    NOT NULL,
    system       TEXT,                              -- a JSON string, or NULL
    draft        TEXT    NOT NULL DEFAULT '""',     -- a JSON string
    pinned       INTEGER NOT NULL DEFAULT 0,
    archived     INTEGER NOT NULL DEFAULT 0,
    -- Kept with every message, so that a list of sessions costs the same however long they are.
    messages     INTEGER NOT NULL DEFAULT 0,
    turns        INTEGER NOT NULL DEFAULT 0,        -- messages of the user
    cost         TEXT                               -- USD as a decimal number; NULL when no answer told one
);

CREATE INDEX session_updated ON session (updated);

CREATE TABLE message (
    number  INTEGER PRIMARY KEY,                    -- order of creation: a parent's is smaller than its child's
    id      TEXT    NOT NULL UNIQUE,
    session TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    parent  TEXT    REFERENCES message (id),
    role    TEXT    NOT NULL,
    created REAL    NOT NULL,
    folded  INTEGER,
    owner   TEXT,                                   -- who writes it while it streams (recovery.py); NULL when finished
    data    TEXT    NOT NULL                        -- messages.to_json
);

CREATE INDEX message_session ON message (session);
CREATE INDEX message_parent ON message (parent);
CREATE INDEX message_owner ON message (owner) WHERE owner IS NOT NULL;

-- What arrived of an answer that is not finished: deltas in the form of records.deltas_to_text, in order of number.
CREATE TABLE part (
    number  INTEGER PRIMARY KEY,
    message TEXT    NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    data    TEXT    NOT NULL
);

CREATE INDEX part_message ON part (message);

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL                             -- a JSON string
) WITHOUT ROWID;
