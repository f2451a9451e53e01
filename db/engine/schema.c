#include "db/engine/schema.h"

#include "common/assert.h"

/* Times are milliseconds since 1970, positions and counts are 64-bit. Types and clauses are those
 * that SQLite and PostgreSQL share, but for WITHOUT ROWID, which lays a table out by its primary
 * key, and the type of outbox.seq. */
static const char *const sqlite_migrations[] = {
    /* 1: people, conversations, messages, outbox */
    "CREATE TABLE users ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " role TEXT NOT NULL,"
    " first_name TEXT, last_name TEXT, salon_name TEXT, image TEXT, email TEXT,"
    " booked_fields BIGINT NOT NULL DEFAULT 0," /* bits of enum person_field: set by the back-end */
    " claims_issued_at BIGINT NOT NULL DEFAULT 0," /* iat of the newest token applied */
    " unread_total BIGINT NOT NULL DEFAULT 0,"
    " active_count BIGINT NOT NULL DEFAULT 0,"
    " archived_count BIGINT NOT NULL DEFAULT 0,"
    " erased_at BIGINT,"
    " created_at BIGINT NOT NULL,"
    " updated_at BIGINT NOT NULL"
    ") WITHOUT ROWID;"

    "CREATE TABLE appointments ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " salon_id TEXT NOT NULL REFERENCES users (id),"
    " client_user_id TEXT NOT NULL REFERENCES users (id),"
    " created_at BIGINT NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX appointments_by_people ON appointments (salon_id, client_user_id);"
    "CREATE INDEX appointments_by_client ON appointments (client_user_id);"

    "CREATE TABLE conversations ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " salon_id TEXT NOT NULL REFERENCES users (id),"
    " client_user_id TEXT NOT NULL REFERENCES users (id),"
    " appointment_id TEXT REFERENCES appointments (id),"
    " subject TEXT,"
    " status TEXT NOT NULL,"
    " message_count BIGINT NOT NULL DEFAULT 0,"
    " last_position BIGINT NOT NULL DEFAULT 0,"
    " created_at BIGINT NOT NULL,"
    " updated_at BIGINT NOT NULL,"
    " last_message_at BIGINT NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE UNIQUE INDEX conversations_by_appointment ON conversations (appointment_id)"
    " WHERE appointment_id IS NOT NULL;"

    "CREATE TABLE participants ("
    " user_id TEXT NOT NULL REFERENCES users (id),"
    " conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,"
    " is_salon SMALLINT NOT NULL,"
    " status TEXT NOT NULL,"            /* of the conversation, here for the list's index */
    " last_message_at BIGINT NOT NULL," /* likewise */
    " unread_count BIGINT NOT NULL DEFAULT 0,"
    " PRIMARY KEY (user_id, conversation_id)"
    ") WITHOUT ROWID;"
    "CREATE INDEX participants_by_conversation ON participants (conversation_id);"
    "CREATE INDEX participants_by_time"
    " ON participants (user_id, last_message_at, conversation_id, status);"
    "CREATE INDEX participants_unread"
    " ON participants (user_id, last_message_at, conversation_id) WHERE unread_count > 0;"

    "CREATE TABLE messages ("
    " conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,"
    " position BIGINT NOT NULL," /* from 1, in the order of sending, never used again */
    " id TEXT NOT NULL,"
    " sender_id TEXT NOT NULL REFERENCES users (id),"
    " type TEXT NOT NULL,"
    " content TEXT NOT NULL,"
    " created_at BIGINT NOT NULL,"
    " read_at BIGINT,"
    " client_message_id TEXT,"
    " attachment_count BIGINT NOT NULL DEFAULT 0,"
    " PRIMARY KEY (conversation_id, position)"
    ") WITHOUT ROWID;"
    "CREATE UNIQUE INDEX messages_by_id ON messages (id);"
    "CREATE UNIQUE INDEX messages_by_retry_key"
    " ON messages (conversation_id, sender_id, client_message_id)"
    " WHERE client_message_id IS NOT NULL;"
    "CREATE INDEX messages_unread ON messages (conversation_id, sender_id, position)"
    " WHERE read_at IS NULL;"

    "CREATE TABLE attachments ("
    " conversation_id TEXT NOT NULL,"
    " position BIGINT NOT NULL,"
    " ordinal BIGINT NOT NULL,"
    " id TEXT NOT NULL,"
    " file_name TEXT NOT NULL,"
    " file_url TEXT NOT NULL,"
    " file_type TEXT NOT NULL,"
    " file_size BIGINT NOT NULL,"
    " upload_key TEXT,"
    " PRIMARY KEY (conversation_id, position, ordinal),"
    " FOREIGN KEY (conversation_id, position)"
    "  REFERENCES messages (conversation_id, position) ON DELETE CASCADE"
    ") WITHOUT ROWID;"

    "CREATE TABLE message_holes ("
    " conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,"
    " level SMALLINT NOT NULL,"
    " block BIGINT NOT NULL,"
    " deleted_count BIGINT NOT NULL,"
    " PRIMARY KEY (conversation_id, level, block)"
    ") WITHOUT ROWID;"

    "CREATE TABLE outbox ("
    " seq INTEGER NOT NULL PRIMARY KEY," /* in SQLite the row's own key; elsewhere BIGINT */
    " audience TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " conversation_id TEXT,"
    " message_id TEXT," /* the message whose text is in the payload, if any: blanked with it */
    " payload TEXT NOT NULL,"
    " created_at BIGINT NOT NULL"
    ");"
    "CREATE INDEX outbox_by_audience ON outbox (audience, seq);"
    "CREATE INDEX outbox_by_message ON outbox (message_id) WHERE message_id IS NOT NULL;",

    /* 2: the broker's sockets */
    "CREATE TABLE sessions ("
    " pid TEXT NOT NULL PRIMARY KEY,"
    " sid TEXT NOT NULL,"
    " user_id TEXT NOT NULL," /* who may have no row among users yet */
    " is_connected SMALLINT NOT NULL,"
    " changed_at BIGINT NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX sessions_by_age ON sessions (is_connected, changed_at, user_id);"

    "CREATE TABLE session_rooms ("
    " pid TEXT NOT NULL REFERENCES sessions (pid) ON DELETE CASCADE,"
    " conversation_id TEXT NOT NULL," /* which may be gone */
    " joined_seq BIGINT NOT NULL,"    /* of the outbox, when its history was read */
    " PRIMARY KEY (pid, conversation_id)"
    ") WITHOUT ROWID;",

    /* 3: what the booking back-end says of appointments */
    "ALTER TABLE appointments ADD COLUMN prestation TEXT;"
    "ALTER TABLE appointments ADD COLUMN start_at BIGINT;"
    "ALTER TABLE appointments ADD COLUMN status TEXT;"
    "ALTER TABLE appointments ADD COLUMN version BIGINT;" /* NULL: none given so far */
    "ALTER TABLE appointments ADD COLUMN updated_at BIGINT;"

    "CREATE TABLE appointment_changes (" /* that came before their appointment */
    " appointment_id TEXT NOT NULL,"
    " ordinal BIGINT NOT NULL,"
    " version BIGINT NOT NULL," /* -1: none */
    " start_at BIGINT, status TEXT,"
    " received_at BIGINT NOT NULL,"
    " PRIMARY KEY (appointment_id, version, ordinal)"
    ") WITHOUT ROWID;"

    "CREATE TABLE person_names (" /* had before: our texts use them, erasing finds them */
    " user_id TEXT NOT NULL REFERENCES users (id),"
    " name TEXT NOT NULL,"
    " PRIMARY KEY (user_id, name)"
    ") WITHOUT ROWID;",

    /* 4: both participants of a conversation beside each other, as each message changes both */
    "CREATE TABLE participants_together ("
    " conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,"
    " user_id TEXT NOT NULL REFERENCES users (id),"
    " is_salon SMALLINT NOT NULL,"
    " status TEXT NOT NULL,"            /* of the conversation, here for the list's index */
    " last_message_at BIGINT NOT NULL," /* likewise */
    " unread_count BIGINT NOT NULL DEFAULT 0,"
    " PRIMARY KEY (conversation_id, user_id)"
    ") WITHOUT ROWID;"
    "INSERT INTO participants_together"
    " (conversation_id, user_id, is_salon, status, last_message_at, unread_count)"
    " SELECT conversation_id, user_id, is_salon, status, last_message_at, unread_count"
    " FROM participants;"
    "DROP TABLE participants;"
    "ALTER TABLE participants_together RENAME TO participants;"
    "CREATE INDEX participants_by_time"
    " ON participants (user_id, last_message_at, conversation_id, status);"
    "CREATE INDEX participants_unread"
    " ON participants (user_id, last_message_at, conversation_id) WHERE unread_count > 0;",

    /* 5: what a message changes is in fewer pages, all of which a commit writes. The index of the
     * outbox grows at one end only, by epochs of 512 events; what is unread is found in the
     * messages, from a position on; the list of unread conversations is the salon's alone. */
    "DROP INDEX outbox_by_audience;"
    "CREATE INDEX outbox_by_audience ON outbox ((seq / 512), audience, seq);"
    "DROP INDEX messages_unread;"
    "ALTER TABLE participants ADD COLUMN unread_from BIGINT NOT NULL DEFAULT 0;"
    "DROP INDEX participants_unread;"
    "CREATE INDEX participants_unread ON participants (user_id, last_message_at, conversation_id)"
    " WHERE unread_count > 0 AND is_salon = 1;",

    /* 6: what happens in one millisecond keeps its order. A time says when, the seq beside it in
     * which order: it is that of the outbox when the row was written, the one number that grows
     * with the commits of all processes. What was there before has 0 and keeps the order of ids. */
    "ALTER TABLE messages ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE appointments ADD COLUMN created_seq BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE conversations ADD COLUMN created_seq BIGINT NOT NULL DEFAULT 0;"
    /* that of the last message, or of the conversation while there is none */
    "ALTER TABLE conversations ADD COLUMN last_message_seq BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE participants ADD COLUMN last_message_seq BIGINT NOT NULL DEFAULT 0;" /* likewise */
    "DROP INDEX participants_by_time;"
    "CREATE INDEX participants_by_time ON participants"
    " (user_id, last_message_at, last_message_seq, conversation_id, status);"
    "DROP INDEX participants_unread;"
    "CREATE INDEX participants_unread ON participants"
    " (user_id, last_message_at, last_message_seq, conversation_id)"
    " WHERE unread_count > 0 AND is_salon = 1;",

    /* 7: of a user who connects and leaves without end only so many sockets are remembered. Those
     * that are connected are few by another limit: opening one writes nothing here. */
    "CREATE INDEX sessions_away ON sessions (user_id, changed_at) WHERE is_connected = 0;",

    /* 8: who was erased last, for those who have texts elsewhere */
    "CREATE INDEX users_by_erasure ON users (erased_at) WHERE erased_at IS NOT NULL;",

    /* 9: large conversations that are deleted for everybody, their status being DELETED, and whose
     * rows go behind, a slice at a time */
    "CREATE TABLE deletions ("
    " conversation_id TEXT NOT NULL PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,"
    " seq BIGINT NOT NULL,"         /* of the outbox: what was told of it before is hidden */
    " blanked_seq BIGINT NOT NULL," /* and blanked up to here */
    " salon_id TEXT NOT NULL,"
    " client_user_id TEXT NOT NULL"
    ") WITHOUT ROWID;",

    /* 10: people who are erased for everybody, and whose names go from other texts behind */
    "CREATE TABLE erasures ("
    " user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id),"
    " seq BIGINT NOT NULL," /* of the outbox: their conversations' events before it are hidden */
    " blanked_seq BIGINT NOT NULL,"   /* and blanked up to here */
    " conversation_id TEXT NOT NULL," /* the last one that was begun; empty: none */
    " position BIGINT NOT NULL"       /* how far in it; 0: it is done */
    ") WITHOUT ROWID;",

    /* 11: which time line the numbers of events are of: a database that was restored goes on with
     * numbers that another one has given out, and has another name */
    "CREATE TABLE timeline (name TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;"
    "INSERT INTO timeline (name) VALUES (lower(hex(randomblob(4))));",

    /* 12: what searching reads (db/search_index.h). Triggers note what is to be done, as it must be
     * noted by whichever way a row comes or goes; it is done behind. What was there before is taken
     * up by and by, from `search_backlog` on. Times come first in no key: a segment is looked for
     * by what it covers, and there are few. */
    "CREATE TABLE search_segments ("
    " number BIGINT NOT NULL PRIMARY KEY,"
    " is_card SMALLINT NOT NULL," /* of its documents: what conversations are called, or messages */
    " oldest_at BIGINT NOT NULL, newest_at BIGINT NOT NULL,"              /* of its documents */
    " first_conversation TEXT NOT NULL, last_conversation TEXT NOT NULL," /* likewise */
    " document_count BIGINT NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX search_segments_by_time ON search_segments (is_card, newest_at, number);"

    "CREATE TABLE search_documents ("
    " segment BIGINT NOT NULL,"
    " ordinal BIGINT NOT NULL," /* in the order of time */
    " conversation_id TEXT NOT NULL,"
    " position BIGINT NOT NULL," /* 0: what the salon finds the conversation by, -1: the client */
    " created_at BIGINT NOT NULL,"
    " PRIMARY KEY (segment, ordinal)"
    ") WITHOUT ROWID;"

    /* Not laid out by its key: the texts would stand on all levels of the tree, four on a page. */
    "CREATE TABLE search_blocks ("
    " segment BIGINT NOT NULL,"
    " first_term TEXT NOT NULL,"
    " entries TEXT NOT NULL," /* db/search_block.h */
    " PRIMARY KEY (segment, first_term)"
    ");"

    "CREATE TABLE search_pending (" /* is to be indexed */
    " is_card SMALLINT NOT NULL,"   /* the names and the subject of the conversation, else */
    " conversation_id TEXT NOT NULL,"
    " first_position BIGINT NOT NULL," /* its messages from here on */
    " PRIMARY KEY (is_card, conversation_id)"
    ") WITHOUT ROWID;"

    "CREATE TABLE search_stale (" /* is gone, or another text, and leaves the index */
    " segment BIGINT NOT NULL,"   /* it has left those before this one */
    " conversation_id TEXT NOT NULL,"
    " position BIGINT NOT NULL," /* 0: both of -1 and 0 */
    " created_at BIGINT NOT NULL,"
    " PRIMARY KEY (segment, conversation_id, position)"
    ") WITHOUT ROWID;"

    "CREATE TABLE search_renamed (" /* whose conversations are to be indexed anew */
    " user_id TEXT NOT NULL PRIMARY KEY,"
    " conversation_id TEXT NOT NULL" /* the last one that is noted so; empty: none */
    ") WITHOUT ROWID;"

    "CREATE TABLE search_backlog (" /* a row as long as there are conversations of before */
    " conversation_id TEXT NOT NULL PRIMARY KEY" /* the last one that is pending, or was */
    ") WITHOUT ROWID;"
    "INSERT INTO search_backlog (conversation_id)"
    " SELECT '' WHERE EXISTS (SELECT 1 FROM conversations);"

    "CREATE TRIGGER search_message_sent AFTER INSERT ON messages BEGIN"
    " INSERT OR IGNORE INTO search_pending (is_card, conversation_id, first_position)"
    " VALUES (0, new.conversation_id, new.position); END;"
    "CREATE TRIGGER search_message_changed AFTER UPDATE OF content ON messages BEGIN"
    " INSERT OR IGNORE INTO search_stale (segment, conversation_id, position, created_at)"
    " VALUES (0, new.conversation_id, new.position, new.created_at); END;"
    "CREATE TRIGGER search_message_deleted AFTER DELETE ON messages BEGIN"
    " INSERT OR IGNORE INTO search_stale (segment, conversation_id, position, created_at)"
    " VALUES (0, old.conversation_id, old.position, old.created_at); END;"
    "CREATE TRIGGER search_conversation_made AFTER INSERT ON conversations BEGIN"
    " INSERT OR IGNORE INTO search_pending (is_card, conversation_id, first_position)"
    " VALUES (1, new.id, 0); END;"
    "CREATE TRIGGER search_conversation_changed AFTER UPDATE OF subject ON conversations"
    " WHEN new.subject IS NOT old.subject BEGIN"
    " INSERT OR IGNORE INTO search_stale (segment, conversation_id, position, created_at)"
    " VALUES (0, new.id, 0, new.created_at);"
    " INSERT OR IGNORE INTO search_pending (is_card, conversation_id, first_position)"
    " VALUES (1, new.id, 0); END;"
    "CREATE TRIGGER search_conversation_deleted AFTER DELETE ON conversations BEGIN"
    " INSERT OR IGNORE INTO search_stale (segment, conversation_id, position, created_at)"
    " VALUES (0, old.id, 0, old.created_at);"
    " DELETE FROM search_pending WHERE is_card IN (0, 1) AND conversation_id = old.id; END;"
    "CREATE TRIGGER search_person_renamed AFTER UPDATE OF first_name, last_name, salon_name"
    " ON users WHEN new.first_name IS NOT old.first_name OR new.last_name IS NOT old.last_name"
    " OR new.salon_name IS NOT old.salon_name BEGIN"
    " DELETE FROM search_renamed WHERE user_id = new.id;"
    " INSERT INTO search_renamed (user_id, conversation_id) VALUES (new.id, ''); END;",

    /* 13: what people want to be told of while they are away. Who has no row has the defaults. */
    "CREATE TABLE notification_preferences ("
    " user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id),"
    " emails_enabled SMALLINT NOT NULL,"
    " frequency TEXT NOT NULL,"
    " updated_at BIGINT NOT NULL" /* mutes included */
    ") WITHOUT ROWID;"
    "ALTER TABLE participants ADD COLUMN is_muted SMALLINT NOT NULL DEFAULT 0;"
    "CREATE INDEX participants_muted ON participants (user_id, conversation_id)"
    " WHERE is_muted = 1;",
};

const int64_t schema_version_newest = sizeof(sqlite_migrations) / sizeof(sqlite_migrations[0]);

/* Every database has the same versions, each in its own words. */
static const char *const *const migrations[SQL_DIALECT_COUNT] = {
    [SQL_DIALECT_SQLITE] = sqlite_migrations,
};

const char schema_versions_table[] = "CREATE TABLE IF NOT EXISTS schema_migrations ("
                                     " version BIGINT NOT NULL PRIMARY KEY,"
                                     " applied_at BIGINT NOT NULL)";

const char *schema_migration(int64_t version, enum sql_dialect dialect)
{
    ASSERT(version >= 1 && version <= schema_version_newest);
    return migrations[dialect][version - 1];
}
