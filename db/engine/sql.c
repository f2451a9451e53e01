#include "db/engine/sql.h"

#include <stddef.h>

#include "db/engine/schema.h"

#define MESSAGE_COLUMNS                                                                            \
    "position, id, sender_id, type, content, created_at, read_at, client_message_id,"              \
    " attachment_count"

#define PERSON_COLUMNS                                                                             \
    "role, first_name, last_name, salon_name, image, email, booked_fields, claims_issued_at,"      \
    " erased_at"

/* A person's conversations: what was committed last is first, also within a millisecond. */
#define NEWEST_FIRST "last_message_at DESC, last_message_seq DESC, conversation_id DESC"

/* What tells of a conversation that is being deleted, or of one with somebody who is being erased,
 * is blank already, for whoever reads. */
#define EVENT_COLUMNS                                                                              \
    "seq, audience, name, CASE WHEN EXISTS (SELECT 1 FROM deletions d"                             \
    " WHERE d.conversation_id = outbox.conversation_id AND outbox.seq < d.seq)"                    \
    " OR EXISTS (SELECT 1 FROM erasures e JOIN participants p ON p.user_id = e.user_id"            \
    " WHERE p.conversation_id = outbox.conversation_id AND outbox.seq < e.seq)"                    \
    " THEN '' ELSE payload END"

/* The first column of outbox_by_audience. */
#define TEXT_OF(macro)  TEXT_OF_(macro)
#define TEXT_OF_(value) #value
#define OUTBOX_EPOCH    "seq / " TEXT_OF(OUTBOX_EPOCH_EVENTS)

struct sql {
    const char *name;
    const char *text;                       /* NULL: not one that all have */
    const char *dialect[SQL_DIALECT_COUNT]; /* not NULL: in the place of `text` */
};

#define STATEMENT(id, sql_)        [id] = {.name = #id, .text = (sql_)}
#define SQLITE_STATEMENT(id, sql_) [id] = {.name = #id, .dialect[SQL_DIALECT_SQLITE] = (sql_)}

static const struct sql table[SQL_COUNT] = {
    STATEMENT(SQL_BEGIN_READ, "BEGIN"),
    /* Waits here for others, and not at the first change, where it might have read what they
     * change.
     */
    SQLITE_STATEMENT(SQL_BEGIN_WRITE, "BEGIN IMMEDIATE"),
    STATEMENT(SQL_COMMIT, "COMMIT"),
    STATEMENT(SQL_ROLLBACK, "ROLLBACK"),
    STATEMENT(SQL_SAVEPOINT, "SAVEPOINT operation"),
    STATEMENT(SQL_SAVEPOINT_RELEASE, "RELEASE SAVEPOINT operation"),
    STATEMENT(SQL_SAVEPOINT_ROLLBACK, "ROLLBACK TO SAVEPOINT operation"),

    SQLITE_STATEMENT(SQL_SCHEMA_TABLE_EXISTS,
                     "SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'"),
    STATEMENT(SQL_SCHEMA_VERSION, "SELECT COALESCE(MAX(version), 0) FROM schema_migrations"),
    STATEMENT(SQL_SCHEMA_VERSION_INSERT,
              "INSERT INTO schema_migrations (version, applied_at) VALUES ($1, $2)"),

    STATEMENT(SQL_TIMELINE, "SELECT name FROM timeline ORDER BY name LIMIT 1"),
    STATEMENT(SQL_OUTBOX_FIRST, "SELECT seq FROM outbox ORDER BY seq LIMIT 1"),
    STATEMENT(SQL_OUTBOX_LAST, "SELECT seq FROM outbox ORDER BY seq DESC LIMIT 1"),
    STATEMENT(SQL_OUTBOX_INSERT,
              "INSERT INTO outbox (seq, audience, name, conversation_id, message_id, payload,"
              " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"),
    /* Up to the first one that is to stay: when the clock was set back, older ones come later. */
    STATEMENT(SQL_OUTBOX_PRUNE,
              "DELETE FROM outbox WHERE seq IN"
              " (SELECT seq FROM outbox WHERE seq < $1 ORDER BY seq LIMIT $2)"
              " AND seq < COALESCE((SELECT MIN(seq) FROM (SELECT seq, created_at FROM outbox"
              " WHERE seq < $1 ORDER BY seq LIMIT $2) oldest WHERE seq > $3 AND created_at >= $4),"
              " $1)"),
    STATEMENT(SQL_OUTBOX_BLANK_QUOTES, "UPDATE outbox SET payload = '' WHERE message_id = $1"),
    STATEMENT(SQL_OUTBOX_BLANK_SUBJECT,
              "UPDATE outbox SET payload = '' WHERE " OUTBOX_EPOCH " = $1 AND audience = $2"
              " AND conversation_id = $3 AND seq < $4 AND payload <> ''"),
    STATEMENT(SQL_OUTBOX_BLANK_PERSON,
              "UPDATE outbox SET payload = '' WHERE seq >= $1 AND seq < $2 AND payload <> ''"
              " AND EXISTS (SELECT 1 FROM participants p"
              " WHERE p.conversation_id = outbox.conversation_id AND p.user_id = $3)"),
    STATEMENT(SQL_OUTBOX_AFTER, "SELECT " EVENT_COLUMNS " FROM outbox WHERE seq > $1"
                                " ORDER BY seq LIMIT $2"),
    STATEMENT(SQL_OUTBOX_HAS, "SELECT 1 FROM outbox WHERE seq = $1"),
    STATEMENT(SQL_OUTBOX_MISSED, "SELECT " EVENT_COLUMNS " FROM outbox WHERE " OUTBOX_EPOCH " = $1"
                                 " AND audience = $2 AND seq > $3 AND seq <= $4"
                                 " ORDER BY seq LIMIT $5"),
    STATEMENT(SQL_OUTBOX_COUNT_MISSED,
              "SELECT COUNT(*) FROM (SELECT seq FROM outbox WHERE " OUTBOX_EPOCH " = $1"
              " AND audience = $2 AND seq > $3 AND seq <= $4 LIMIT $5) AS newest"),

    STATEMENT(SQL_CONTACTS,
              "SELECT other.user_id FROM participants own JOIN participants other"
              " ON other.conversation_id = own.conversation_id AND other.user_id <> own.user_id"
              " WHERE own.user_id = $1"),
    STATEMENT(SQL_RECOVERY_FIND, "SELECT sid, user_id FROM sessions WHERE pid = $1"),
    STATEMENT(SQL_RECOVERY_STORE,
              "INSERT INTO sessions (pid, sid, user_id, is_connected, changed_at)"
              " VALUES ($1, $2, $3, 1, $4)"
              " ON CONFLICT (pid) DO UPDATE SET is_connected = 1, changed_at = $4"),
    STATEMENT(SQL_RECOVERY_SUSPEND,
              "UPDATE sessions SET is_connected = 0, changed_at = $1 WHERE pid = $2"),
    STATEMENT(SQL_RECOVERY_DELETE, "DELETE FROM sessions WHERE pid = $1"),
    STATEMENT(SQL_RECOVERY_OLD,
              "SELECT 1 FROM sessions WHERE is_connected = 0 AND changed_at < $1 LIMIT 1"),
    STATEMENT(SQL_RECOVERY_PRUNE,
              "DELETE FROM sessions WHERE pid IN (SELECT pid FROM sessions WHERE is_connected = 0"
              " AND changed_at < $1 ORDER BY changed_at LIMIT $2)"),
    STATEMENT(SQL_RECOVERY_EXCESS, "SELECT 1 FROM sessions WHERE user_id = $1 AND is_connected = 0"
                                   " ORDER BY changed_at DESC LIMIT 1 OFFSET $2"),
    STATEMENT(SQL_RECOVERY_PRUNE_EXCESS,
              "DELETE FROM sessions WHERE pid IN (SELECT pid FROM sessions WHERE user_id = $1"
              " AND is_connected = 0 ORDER BY changed_at DESC LIMIT $2 OFFSET $3)"),
    STATEMENT(SQL_RECOVERY_CONNECTED_USERS,
              "SELECT user_id FROM sessions WHERE is_connected = 1 AND changed_at < $1"),
    STATEMENT(SQL_RECOVERY_SUSPEND_ALL, "UPDATE sessions SET is_connected = 0, changed_at = $1"
                                        " WHERE is_connected = 1 AND changed_at < $2"),
    STATEMENT(SQL_RECOVERY_ROOMS, "SELECT conversation_id FROM session_rooms WHERE pid = $1"
                                  " ORDER BY conversation_id"),
    STATEMENT(SQL_RECOVERY_LOST_ROOM,
              "SELECT 1 FROM session_rooms room LEFT JOIN participants own"
              " ON own.user_id = $1 AND own.conversation_id = room.conversation_id"
              " WHERE room.pid = $2 AND (own.user_id IS NULL OR room.joined_seq > $3) LIMIT 1"),
    STATEMENT(SQL_RECOVERY_ROOM_STORE,
              "INSERT INTO session_rooms (pid, conversation_id, joined_seq)"
              " SELECT pid, $1, $2 FROM sessions WHERE pid = $3"
              " ON CONFLICT (pid, conversation_id) DO UPDATE SET joined_seq = $2"),
    STATEMENT(SQL_RECOVERY_ROOM_DELETE,
              "DELETE FROM session_rooms WHERE pid = $1 AND conversation_id = $2"),
    STATEMENT(SQL_RECOVERIES_OF_USER,
              "SELECT pid, is_connected, changed_at FROM sessions WHERE user_id = $1"
              " ORDER BY changed_at, pid"),
    STATEMENT(SQL_RECOVERIES_DELETE_OF_USER, "DELETE FROM sessions WHERE user_id = $1"),

    STATEMENT(SQL_PERSON_FIND, "SELECT " PERSON_COLUMNS " FROM users WHERE id = $1"),
    STATEMENT(SQL_PERSON_LIST,
              "SELECT role, first_name, last_name, salon_name, image, email, id FROM users"
              " WHERE erased_at IS NULL ORDER BY id"),
    STATEMENT(SQL_PERSON_INSERT,
              "INSERT INTO users (role, first_name, last_name, salon_name, image, email,"
              " booked_fields, claims_issued_at, created_at, updated_at, id)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)"),
    STATEMENT(SQL_PERSON_UPDATE,
              "UPDATE users SET role = $1, first_name = $2, last_name = $3, salon_name = $4,"
              " image = $5, email = $6, booked_fields = $7, claims_issued_at = $8,"
              " updated_at = $9, erased_at = NULL WHERE id = $10"),
    STATEMENT(SQL_PERSON_TOTALS,
              "SELECT unread_total, active_count, archived_count FROM users WHERE id = $1"),
    STATEMENT(SQL_PERSON_ADD_UNREAD,
              "UPDATE users SET unread_total = unread_total + $1 WHERE id = $2"
              " RETURNING unread_total"),
    STATEMENT(SQL_PERSON_ADD_CONVERSATIONS, "UPDATE users SET active_count = active_count + $1,"
                                            " archived_count = archived_count + $2 WHERE id = $3"),
    STATEMENT(SQL_PEOPLE_SHARE_APPOINTMENT,
              "SELECT 1 FROM appointments WHERE (salon_id = $1 AND client_user_id = $2)"
              " OR (salon_id = $2 AND client_user_id = $1) LIMIT 1"),
    STATEMENT(SQL_APPOINTMENT_OF_PEOPLE,
              "SELECT 1 FROM appointments WHERE salon_id = $1 AND client_user_id = $2 LIMIT 1"),
    STATEMENT(SQL_APPOINTMENT_CLIENTS,
              "SELECT client_user_id FROM appointments WHERE salon_id = $1 AND client_user_id > $2"
              " GROUP BY client_user_id ORDER BY client_user_id LIMIT $3"),
    /* Sorted, as its index is by clients alone: those of one client are few. */
    STATEMENT(SQL_APPOINTMENT_SALONS,
              "SELECT salon_id FROM appointments WHERE client_user_id = $1 AND salon_id > $2"
              " GROUP BY salon_id ORDER BY salon_id LIMIT $3"),
    STATEMENT(SQL_APPOINTMENT_FIND,
              "SELECT a.salon_id, a.client_user_id, c.id, a.prestation, a.start_at, a.status,"
              " a.version FROM appointments a"
              " LEFT JOIN conversations c ON c.appointment_id = a.id WHERE a.id = $1"),

    STATEMENT(SQL_APPOINTMENT_INSERT,
              "INSERT INTO appointments (start_at, status, version, created_at, updated_at,"
              " prestation, id, salon_id, client_user_id, created_seq)"
              " VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9)"),
    STATEMENT(SQL_APPOINTMENT_UPDATE,
              "UPDATE appointments SET start_at = $1, status = $2, version = $3, updated_at = $4,"
              " prestation = $5 WHERE id = $6"),
    STATEMENT(SQL_EARLY_CHANGE_COUNT,
              "SELECT COUNT(*) FROM appointment_changes WHERE appointment_id = $1"),
    STATEMENT(SQL_EARLY_CHANGE_KNOWN,
              "SELECT 1 FROM appointment_changes c WHERE appointment_id = $1 AND version = $2"
              " AND (version >= 0 OR (start_at IS NOT DISTINCT FROM $3"
              " AND status IS NOT DISTINCT FROM $4 AND ordinal = (SELECT MAX(ordinal)"
              " FROM appointment_changes l WHERE l.appointment_id = c.appointment_id)))"),
    STATEMENT(SQL_EARLY_CHANGE_INSERT,
              "INSERT INTO appointment_changes (appointment_id, version, start_at, status, ordinal,"
              " received_at) VALUES ($1, $2, $3, $4, $5, $6)"),
    STATEMENT(SQL_EARLY_CHANGES, "SELECT version, start_at, status FROM appointment_changes"
                                 " WHERE appointment_id = $1 ORDER BY version, ordinal"),
    STATEMENT(SQL_EARLY_CHANGES_DELETE,
              "DELETE FROM appointment_changes WHERE appointment_id = $1"),

    STATEMENT(SQL_ERASE_PERSON,
              "UPDATE users SET first_name = NULL, last_name = NULL, salon_name = NULL,"
              " image = NULL, email = NULL, booked_fields = 0, erased_at = $1, updated_at = $1"
              " WHERE id = $2 AND erased_at IS NULL"),
    STATEMENT(SQL_ERASURE_TIME, "SELECT COALESCE(erased_at, 0) FROM users WHERE id = $1"),
    STATEMENT(SQL_ERASURE_NEWEST, "SELECT erased_at FROM users WHERE erased_at IS NOT NULL"
                                  " ORDER BY erased_at DESC LIMIT 1"),
    STATEMENT(SQL_ERASE_ATTACHMENTS,
              "UPDATE attachments SET file_name = $1, upload_key = NULL WHERE conversation_id = $2"
              " AND position BETWEEN $3 AND $4 AND position IN (SELECT position FROM messages"
              " WHERE conversation_id = $2 AND position BETWEEN $3 AND $4 AND sender_id = $5"
              " AND attachment_count > 0)"),
    STATEMENT(SQL_SYSTEM_MESSAGES,
              "SELECT position, content FROM messages WHERE conversation_id = $1"
              " AND position BETWEEN $2 AND $3 AND type = 'SYSTEM' ORDER BY position"),
    STATEMENT(SQL_SYSTEM_MESSAGE_UPDATE,
              "UPDATE messages SET content = $1 WHERE conversation_id = $2 AND position = $3"),
    STATEMENT(SQL_PERSON_NAMES_KEEP,
              "INSERT INTO person_names (user_id, name)"
              " SELECT id, first_name FROM users WHERE id = $1 AND first_name IS NOT NULL"
              " UNION ALL SELECT id, last_name FROM users WHERE id = $1 AND last_name IS NOT NULL"
              " UNION ALL SELECT id, salon_name FROM users"
              " WHERE id = $1 AND salon_name IS NOT NULL ON CONFLICT (user_id, name) DO NOTHING"),
    STATEMENT(SQL_PERSON_NAMES, "SELECT name FROM person_names WHERE user_id = $1 ORDER BY name"),
    STATEMENT(SQL_PERSON_NAMES_DELETE, "DELETE FROM person_names WHERE user_id = $1"),
    STATEMENT(SQL_PERSON_CONVERSATIONS,
              "SELECT c.id FROM participants p JOIN conversations c ON c.id = p.conversation_id"
              " WHERE p.user_id = $1 ORDER BY c.created_at, c.created_seq, c.id"),
    STATEMENT(SQL_EXPORT_DIRECTORY,
              "SELECT created_at, updated_at, claims_issued_at FROM users WHERE id = $1"),
    STATEMENT(SQL_EXPORT_APPOINTMENTS,
              "SELECT id, salon_id, client_user_id, prestation, start_at, status, version,"
              " created_at, updated_at FROM appointments"
              " WHERE salon_id = $1 OR client_user_id = $1 ORDER BY created_at, created_seq, id"),
    STATEMENT(SQL_EXPORT_MESSAGES,
              "SELECT position, id, type, content, created_at, read_at, attachment_count,"
              " client_message_id"
              " FROM messages WHERE conversation_id = $1 AND (sender_id = $2 OR type = 'SYSTEM')"
              " ORDER BY position"),

    STATEMENT(SQL_PREFERENCES_FIND,
              "SELECT p.emails_enabled, p.frequency, u.created_at, p.updated_at FROM users u"
              " LEFT JOIN notification_preferences p ON p.user_id = u.id"
              " WHERE u.id = $1 AND u.erased_at IS NULL"),
    STATEMENT(SQL_PREFERENCES_STORE,
              "INSERT INTO notification_preferences (user_id, emails_enabled, frequency,"
              " updated_at) VALUES ($1, $2, $3, $4) ON CONFLICT (user_id)"
              " DO UPDATE SET emails_enabled = $2, frequency = $3, updated_at = $4"),
    STATEMENT(SQL_PREFERENCES_DELETE, "DELETE FROM notification_preferences WHERE user_id = $1"),
    STATEMENT(SQL_MUTED_CONVERSATIONS,
              "SELECT conversation_id FROM participants WHERE user_id = $1 AND is_muted = 1"
              " ORDER BY conversation_id"),
    STATEMENT(SQL_MUTED_COUNT,
              "SELECT COUNT(*) FROM participants WHERE user_id = $1 AND is_muted = 1"),
    STATEMENT(SQL_PARTICIPANT_MUTED,
              "SELECT is_muted FROM participants WHERE user_id = $1 AND conversation_id = $2"),
    STATEMENT(SQL_PARTICIPANT_MUTE,
              "UPDATE participants SET is_muted = 1 WHERE user_id = $1 AND conversation_id = $2"),
    STATEMENT(SQL_PARTICIPANT_UNMUTE, "UPDATE participants SET is_muted = 0"
                                      " WHERE user_id = $1 AND conversation_id = $2"
                                      " AND is_muted = 1"),
    STATEMENT(SQL_PARTICIPANT_UNMUTE_ALL,
              "UPDATE participants SET is_muted = 0 WHERE user_id = $1 AND is_muted = 1"),

    STATEMENT(SQL_CONVERSATION_FIND,
              "SELECT salon_id, client_user_id, appointment_id, subject, status, message_count,"
              " last_position, created_at, updated_at, last_message_at, last_message_seq,"
              " EXISTS (SELECT 1 FROM erasures WHERE user_id = salon_id)"
              " OR EXISTS (SELECT 1 FROM erasures WHERE user_id = client_user_id)"
              " FROM conversations WHERE id = $1 AND status <> 'DELETED'"),
    STATEMENT(SQL_CONVERSATION_UNUSED,
              "SELECT c.id FROM participants p JOIN conversations c ON c.id = p.conversation_id"
              " WHERE p.user_id = $1 AND c.salon_id = $2 AND c.appointment_id IS NULL"
              " AND c.last_position = 0 AND c.status = 'ACTIVE' ORDER BY c.id LIMIT 1"),
    STATEMENT(SQL_CONVERSATION_LIST, "SELECT conversation_id FROM participants WHERE user_id = $1"
                                     " ORDER BY " NEWEST_FIRST " LIMIT $2 OFFSET $3"),
    STATEMENT(SQL_CONVERSATION_LIST_STATUS,
              "SELECT conversation_id FROM participants WHERE user_id = $1 AND status = $2"
              " ORDER BY " NEWEST_FIRST " LIMIT $3 OFFSET $4"),
    STATEMENT(SQL_CONVERSATION_LIST_UNREAD,
              "SELECT p.conversation_id, p.unread_count, u.first_name, u.last_name, u.image"
              " FROM participants p"
              " JOIN conversations c ON c.id = p.conversation_id"
              " JOIN users u ON u.id = c.client_user_id"
              " WHERE p.user_id = $1 AND p.unread_count > 0 AND p.is_salon = 1"
              " ORDER BY p.last_message_at DESC, p.last_message_seq DESC, p.conversation_id DESC"
              " LIMIT $2"),
    STATEMENT(SQL_CONVERSATION_INSERT,
              "INSERT INTO conversations (id, salon_id, client_user_id, appointment_id, subject,"
              " status, created_at, created_seq, updated_at, last_message_at, last_message_seq)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
    STATEMENT(SQL_CONVERSATION_UPDATE,
              "UPDATE conversations SET subject = $1, status = $2, message_count = $3,"
              " last_position = $4, updated_at = $5, last_message_at = $6, last_message_seq = $7"
              " WHERE id = $8"),
    STATEMENT(SQL_CONVERSATION_DELETE, "DELETE FROM conversations WHERE id = $1"),
    STATEMENT(SQL_CONVERSATION_HIDE,
              "UPDATE conversations SET status = 'DELETED', appointment_id = NULL, subject = NULL,"
              " message_count = 0 WHERE id = $1"),
    STATEMENT(SQL_PARTICIPANTS_DELETE, "DELETE FROM participants WHERE conversation_id = $1"),
    STATEMENT(SQL_PARTICIPANT_INSERT,
              "INSERT INTO participants (user_id, conversation_id, is_salon, status,"
              " last_message_at, last_message_seq) VALUES ($1, $2, $3, $4, $5, $6)"),
    STATEMENT(SQL_PARTICIPANT_UPDATE,
              "UPDATE participants SET status = $1, last_message_at = $2, last_message_seq = $3,"
              " unread_from = CASE WHEN unread_count = 0 THEN $4 ELSE unread_from END,"
              " unread_count = unread_count + $5 WHERE user_id = $6 AND conversation_id = $7"),
    STATEMENT(SQL_PARTICIPANT_UNREAD, "SELECT unread_count, unread_from FROM participants"
                                      " WHERE user_id = $1 AND conversation_id = $2"),
    STATEMENT(SQL_PARTICIPANT_ADD_UNREAD, "UPDATE participants SET unread_count = unread_count + $1"
                                          " WHERE user_id = $2 AND conversation_id = $3"),

    STATEMENT(SQL_MESSAGE_PAGE, "SELECT " MESSAGE_COLUMNS " FROM messages"
                                " WHERE conversation_id = $1 AND position <= $2"
                                " ORDER BY position DESC LIMIT $3"),
    STATEMENT(SQL_CONVERSATION_LAST_MESSAGE,
              "SELECT COALESCE(m.created_at, c.created_at), COALESCE(m.seq, c.created_seq)"
              " FROM conversations c LEFT JOIN messages m ON m.conversation_id = c.id"
              " AND m.position = (SELECT MAX(position) FROM messages WHERE conversation_id = c.id)"
              " WHERE c.id = $1"),
    STATEMENT(SQL_MESSAGE_LOCATE,
              "SELECT conversation_id, position, sender_id, type, read_at FROM messages"
              " WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM deletions d"
              " WHERE d.conversation_id = messages.conversation_id)"),
    STATEMENT(SQL_MESSAGE_FIND_RETRY,
              "SELECT position FROM messages"
              " WHERE conversation_id = $1 AND sender_id = $2 AND client_message_id = $3"),
    STATEMENT(SQL_MESSAGE_POSITION_AFTER,
              "SELECT position FROM messages WHERE conversation_id = $1 AND position <= $2"
              " ORDER BY position DESC LIMIT 1 OFFSET $3"),
    STATEMENT(SQL_MESSAGE_INSERT,
              "INSERT INTO messages (conversation_id, position, id, sender_id, type, content,"
              " created_at, read_at, client_message_id, attachment_count, seq)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
    STATEMENT(SQL_MESSAGE_DELETE,
              "DELETE FROM messages WHERE conversation_id = $1 AND position = $2"),
    /* The newest, in the order in which they were sent. */
    STATEMENT(SQL_MESSAGES_UNREAD,
              "SELECT id FROM (SELECT id, position FROM messages"
              " WHERE conversation_id = $1 AND sender_id = $2 AND position BETWEEN $3 AND $4"
              " AND read_at IS NULL ORDER BY position DESC LIMIT $5) AS newest"
              " ORDER BY position"),
    STATEMENT(SQL_MESSAGES_MARK_READ,
              "UPDATE messages SET read_at = $1"
              " WHERE conversation_id = $2 AND sender_id = $3 AND position BETWEEN $4 AND $5"
              " AND read_at IS NULL"),
    STATEMENT(SQL_ATTACHMENTS,
              "SELECT id, file_name, file_url, file_type, file_size FROM attachments"
              " WHERE conversation_id = $1 AND position = $2 ORDER BY ordinal"),
    STATEMENT(SQL_ATTACHMENT_INSERT,
              "INSERT INTO attachments (conversation_id, position, ordinal, id, file_name,"
              " file_url, file_type, file_size, upload_key)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
    STATEMENT(SQL_HOLES_IN, "SELECT block, deleted_count FROM message_holes"
                            " WHERE conversation_id = $1 AND level = $2 AND block BETWEEN $3 AND $4"
                            " ORDER BY block DESC"),
    STATEMENT(SQL_HOLE_ADD,
              "INSERT INTO message_holes (conversation_id, level, block, deleted_count)"
              " VALUES ($1, $2, $3, 1) ON CONFLICT (conversation_id, level, block)"
              " DO UPDATE SET deleted_count = message_holes.deleted_count + 1"),

    STATEMENT(SQL_ERASURE_BEGIN,
              "INSERT INTO erasures (user_id, seq, blanked_seq, conversation_id, position)"
              " VALUES ($1, $2, 0, '', 0) ON CONFLICT (user_id)"
              " DO UPDATE SET seq = $2, blanked_seq = 0, conversation_id = '', position = 0"),
    STATEMENT(SQL_ERASURE_NEXT, "SELECT user_id, seq, blanked_seq, conversation_id, position"
                                " FROM erasures ORDER BY user_id LIMIT 1"),
    STATEMENT(SQL_ERASURE_MOVE, "UPDATE erasures SET blanked_seq = $1, conversation_id = $2,"
                                " position = $3 WHERE user_id = $4"),
    STATEMENT(SQL_ERASURE_END, "DELETE FROM erasures WHERE user_id = $1"),
    STATEMENT(SQL_ERASURE_IS_UNDER_WAY, "SELECT 1 FROM erasures WHERE user_id = $1"),
    STATEMENT(SQL_ERASURE_NAMES,
              "SELECT n.name FROM erasures e JOIN person_names n ON n.user_id = e.user_id"
              " WHERE e.user_id IN ($1, $2)"),
    STATEMENT(SQL_ERASURE_CONVERSATIONS,
              "SELECT conversation_id FROM participants WHERE user_id = $1 AND conversation_id > $2"
              " ORDER BY conversation_id LIMIT $3"),
    /* In the order of the table, and not sorted from the index of the person's. */
    STATEMENT(SQL_ERASURE_CONVERSATIONS_OF_MANY,
              "SELECT conversation_id FROM participants WHERE COALESCE(user_id, '') = $1"
              " AND conversation_id > $2 ORDER BY conversation_id LIMIT $3"),

    STATEMENT(SQL_DELETION_INSERT,
              "INSERT INTO deletions (conversation_id, seq, blanked_seq, salon_id, client_user_id)"
              " VALUES ($1, $2, $3, $4, $5)"),
    STATEMENT(SQL_DELETION_NEXT, "SELECT conversation_id, seq, blanked_seq, salon_id,"
                                 " client_user_id FROM deletions ORDER BY conversation_id LIMIT 1"),
    STATEMENT(SQL_DELETION_BLANKED,
              "UPDATE deletions SET blanked_seq = $1 WHERE conversation_id = $2"),
    STATEMENT(SQL_DELETION_MESSAGES,
              "DELETE FROM messages WHERE conversation_id = $1 AND position IN"
              " (SELECT position FROM messages WHERE conversation_id = $1 ORDER BY position"
              " LIMIT $2)"),
    STATEMENT(SQL_DELETION_HOLES,
              "DELETE FROM message_holes WHERE conversation_id = $1 AND (level, block) IN"
              " (SELECT level, block FROM message_holes WHERE conversation_id = $1"
              " ORDER BY level, block LIMIT $2)"),

    STATEMENT(SQL_SEARCH_SEGMENTS,
              "SELECT number, newest_at FROM search_segments WHERE is_card = $1"
              " ORDER BY newest_at DESC, number DESC"),
    STATEMENT(SQL_SEARCH_BLOCK,
              "SELECT entries FROM search_blocks WHERE segment = $1 AND first_term <= $2"
              " ORDER BY first_term DESC LIMIT 1"),
    STATEMENT(SQL_SEARCH_BLOCKS_AFTER,
              "SELECT entries FROM search_blocks WHERE segment = $1 AND first_term > $2"
              " ORDER BY first_term"),
    STATEMENT(SQL_SEARCH_DOCUMENT, "SELECT conversation_id, position, created_at"
                                   " FROM search_documents WHERE segment = $1 AND ordinal = $2"),
    STATEMENT(SQL_SEARCH_MESSAGE, "SELECT id, sender_id, type, content, created_at FROM messages"
                                  " WHERE conversation_id = $1 AND position = $2"),
    /* From the few that are pending, not from all that somebody takes part in. */
    STATEMENT(SQL_SEARCH_PENDING_MESSAGES_OF,
              "SELECT m.conversation_id, m.position, m.created_at, m.content FROM"
              " (SELECT conversation_id, first_position FROM search_pending WHERE is_card = 0"
              " ORDER BY conversation_id DESC LIMIT $1) AS newest"
              " JOIN participants p ON p.conversation_id = newest.conversation_id"
              " AND p.user_id = $2"
              " JOIN messages m ON m.conversation_id = newest.conversation_id"
              " AND m.position >= newest.first_position LIMIT $1"),
    STATEMENT(SQL_SEARCH_PENDING_CARDS_OF,
              "SELECT c.id, c.created_at, c.salon_id, c.client_user_id, c.subject FROM"
              " (SELECT conversation_id FROM search_pending WHERE is_card = 1"
              " ORDER BY conversation_id DESC LIMIT $1) AS newest"
              " JOIN participants p ON p.conversation_id = newest.conversation_id"
              " AND p.user_id = $2 JOIN conversations c ON c.id = newest.conversation_id"),
    STATEMENT(SQL_SEARCH_BACKLOG, "SELECT conversation_id FROM search_backlog"
                                  " ORDER BY conversation_id LIMIT 1"),
    STATEMENT(SQL_SEARCH_BACKLOG_MOVE, "UPDATE search_backlog SET conversation_id = $1"),
    STATEMENT(SQL_SEARCH_BACKLOG_END, "DELETE FROM search_backlog"),
    STATEMENT(SQL_SEARCH_BACKLOG_NEXT,
              "SELECT id FROM conversations WHERE id > $1 ORDER BY id LIMIT $2"),
    STATEMENT(SQL_SEARCH_PENDING_COUNT,
              "SELECT COALESCE(SUM(c.last_position - newest.first_position + 1), 0) FROM"
              " (SELECT conversation_id, first_position FROM search_pending"
              " WHERE is_card = 0 AND conversation_id <= $1 LIMIT $2) AS newest"
              " JOIN conversations c ON c.id = newest.conversation_id"),
    STATEMENT(SQL_SEARCH_PENDING_COUNT_CARDS,
              "SELECT 2 * COUNT(*) FROM (SELECT conversation_id FROM search_pending"
              " WHERE is_card = 1 AND conversation_id <= $1 LIMIT $2) AS newest"),
    STATEMENT(SQL_SEARCH_PENDING_MESSAGES,
              "SELECT m.conversation_id, m.position, m.created_at, m.content, c.salon_id,"
              " c.client_user_id FROM search_pending p"
              " JOIN conversations c ON c.id = p.conversation_id"
              " JOIN messages m ON m.conversation_id = p.conversation_id"
              " AND m.position >= p.first_position"
              " WHERE p.is_card = 0 AND p.conversation_id <= $1"
              " ORDER BY p.conversation_id, m.position LIMIT $2"),
    STATEMENT(SQL_SEARCH_PENDING_CARDS,
              "SELECT c.id, c.created_at, c.salon_id, c.client_user_id, c.subject"
              " FROM search_pending p JOIN conversations c ON c.id = p.conversation_id"
              " WHERE p.is_card = 1 AND p.conversation_id <= $1"
              " ORDER BY p.conversation_id LIMIT $2"),
    STATEMENT(SQL_SEARCH_PENDING_DELETE,
              "DELETE FROM search_pending WHERE is_card = $1 AND conversation_id <= $2"),
    STATEMENT(SQL_SEARCH_PENDING_MOVE, "INSERT INTO search_pending"
                                       " (is_card, conversation_id, first_position)"
                                       " VALUES (0, $1, $2)"),
    STATEMENT(SQL_SEARCH_PENDING_ADD,
              "INSERT INTO search_pending (is_card, conversation_id, first_position)"
              " VALUES ($1, $2, $3) ON CONFLICT (is_card, conversation_id)"
              " DO UPDATE SET first_position = $3"),
    STATEMENT(SQL_SEARCH_SEGMENT_NEXT,
              "SELECT number + 1 FROM search_segments ORDER BY number DESC LIMIT 1"),
    STATEMENT(SQL_SEARCH_SEGMENT_INSERT,
              "INSERT INTO search_segments (number, is_card, oldest_at, newest_at,"
              " first_conversation, last_conversation, document_count)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7)"),
    STATEMENT(SQL_SEARCH_SEGMENT_COUNT, "UPDATE search_segments SET document_count ="
                                        " document_count - $1 WHERE number = $2"),
    STATEMENT(SQL_SEARCH_SEGMENT_DELETE,
              "DELETE FROM search_segments WHERE number = $1 AND document_count = 0"),
    STATEMENT(SQL_SEARCH_SEGMENT_OF,
              "SELECT number FROM search_segments WHERE number >= $1"
              " AND first_conversation <= $2 AND last_conversation >= $3"
              " AND oldest_at <= $4 AND newest_at >= $5 ORDER BY number LIMIT 1"),
    STATEMENT(SQL_SEARCH_DOCUMENT_INSERT,
              "INSERT INTO search_documents (segment, ordinal, conversation_id, position,"
              " created_at) VALUES ($1, $2, $3, $4, $5)"),
    STATEMENT(SQL_SEARCH_DOCUMENT_DELETE,
              "DELETE FROM search_documents WHERE segment = $1 AND ordinal = $2"),
    STATEMENT(SQL_SEARCH_DOCUMENTS,
              "SELECT ordinal, conversation_id, position, created_at FROM search_documents"
              " WHERE segment = $1 ORDER BY ordinal"),
    STATEMENT(SQL_SEARCH_BLOCKS, "SELECT entries FROM search_blocks WHERE segment = $1"
                                 " ORDER BY first_term"),
    STATEMENT(SQL_SEARCH_BLOCK_INSERT,
              "INSERT INTO search_blocks (segment, first_term, entries) VALUES ($1, $2, $3)"),
    STATEMENT(SQL_SEARCH_BLOCK_DELETE,
              "DELETE FROM search_blocks WHERE segment = $1 AND first_term = $2"),
    STATEMENT(SQL_SEARCH_STALE_FIRST, "SELECT segment FROM search_stale ORDER BY segment,"
                                      " conversation_id, position LIMIT 1"),
    STATEMENT(SQL_SEARCH_STALE_NEXT,
              "SELECT conversation_id, position, created_at FROM search_stale"
              " WHERE segment = $1 ORDER BY conversation_id, position LIMIT $2"),
    STATEMENT(SQL_SEARCH_STALE_ADD,
              "INSERT INTO search_stale (segment, conversation_id, position, created_at)"
              " VALUES ($1, $2, $3, $4) ON CONFLICT (segment, conversation_id, position)"
              " DO NOTHING"),
    STATEMENT(SQL_SEARCH_STALE_DELETE, "DELETE FROM search_stale WHERE segment = $1"
                                       " AND conversation_id = $2 AND position = $3"),
    STATEMENT(SQL_SEARCH_RENAMED_NEXT,
              "SELECT user_id, conversation_id FROM search_renamed ORDER BY user_id LIMIT 1"),
    STATEMENT(SQL_SEARCH_RENAMED_MOVE,
              "UPDATE search_renamed SET conversation_id = $1 WHERE user_id = $2"),
    STATEMENT(SQL_SEARCH_RENAMED_END, "DELETE FROM search_renamed WHERE user_id = $1"),

    STATEMENT(SQL_TOTALS, "SELECT (SELECT COUNT(*) FROM users WHERE erased_at IS NULL),"
                          " (SELECT COUNT(*) FROM conversations WHERE status <> 'DELETED'),"
                          " (SELECT COALESCE(SUM(message_count), 0) FROM conversations),"
                          " (SELECT COUNT(*) FROM attachments),"
                          " (SELECT COALESCE(SUM(unread_total), 0) FROM users),"
                          " (SELECT COUNT(*) FROM outbox),"
                          " (SELECT COALESCE(MIN(seq), 0) FROM outbox),"
                          " (SELECT COALESCE(MAX(seq), 0) FROM outbox)"),

    /* SQLite's own; another database has its own tools for these three. */
    SQLITE_STATEMENT(SQL_BACKUP, "VACUUM INTO $1"),
    STATEMENT(SQL_RECOVERIES_DELETE, "DELETE FROM sessions"),
    SQLITE_STATEMENT(SQL_TIMELINE_RENEW, "UPDATE timeline SET name = lower(hex(randomblob(4)))"),
    SQLITE_STATEMENT(
        SQL_VERIFY_INTEGRITY,
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    SQLITE_STATEMENT(SQL_VERIFY_REFERENCES,
                     "SELECT \"table\" || ' refers to a missing row of ' || parent"
                     " FROM pragma_foreign_key_check"),

    /* Each row of these is a finding: what is wrong, for whom. */
    STATEMENT(SQL_VERIFY_UNREAD_TOTAL,
              "SELECT id FROM users WHERE unread_total <> (SELECT COALESCE(SUM(unread_count), 0)"
              " FROM participants WHERE user_id = users.id)"),
    STATEMENT(SQL_VERIFY_CONVERSATION_COUNTS,
              "SELECT id FROM users WHERE active_count <> (SELECT COUNT(*) FROM participants"
              " WHERE user_id = users.id AND status = 'ACTIVE') OR archived_count <>"
              " (SELECT COUNT(*) FROM participants"
              " WHERE user_id = users.id AND status = 'ARCHIVED')"),
    STATEMENT(SQL_VERIFY_UNREAD_COUNT,
              "SELECT p.conversation_id FROM participants p WHERE unread_count <>"
              " (SELECT COUNT(*) FROM messages m WHERE m.conversation_id = p.conversation_id"
              " AND m.sender_id <> p.user_id AND m.read_at IS NULL)"),
    STATEMENT(SQL_VERIFY_UNREAD_FROM,
              "SELECT p.conversation_id FROM participants p WHERE p.unread_count > 0 AND EXISTS"
              " (SELECT 1 FROM messages m WHERE m.conversation_id = p.conversation_id"
              " AND m.position < p.unread_from AND m.sender_id <> p.user_id"
              " AND m.read_at IS NULL)"),
    STATEMENT(SQL_VERIFY_PARTICIPANTS,
              "SELECT c.id FROM conversations c WHERE c.status <> 'DELETED'"
              " AND 2 <> (SELECT COUNT(*) FROM participants p"
              " WHERE p.conversation_id = c.id AND p.status = c.status"
              " AND p.last_message_at = c.last_message_at"
              " AND p.last_message_seq = c.last_message_seq"
              " AND p.user_id = CASE p.is_salon WHEN 1 THEN c.salon_id"
              " ELSE c.client_user_id END)"),
    STATEMENT(SQL_VERIFY_ORDER,
              "SELECT c.id FROM conversations c WHERE c.status <> 'DELETED'"
              " AND last_message_seq <> COALESCE((SELECT m.seq"
              " FROM messages m WHERE m.conversation_id = c.id ORDER BY m.position DESC LIMIT 1),"
              " c.created_seq)"),
    STATEMENT(SQL_VERIFY_MESSAGE_COUNT,
              "SELECT c.id FROM conversations c WHERE c.status <> 'DELETED' AND (message_count <>"
              " (SELECT COUNT(*) FROM messages m WHERE m.conversation_id = c.id)"
              " OR last_position < (SELECT COALESCE(MAX(position), 0) FROM messages m"
              " WHERE m.conversation_id = c.id))"),
    STATEMENT(
        SQL_VERIFY_HOLES,
        "SELECT c.id FROM conversations c WHERE c.status <> 'DELETED' AND"
        " " TEXT_OF(POSITION_LEVELS) " * (last_position - message_count) <>"
                                     " (SELECT COALESCE(SUM(deleted_count), 0) FROM message_holes h"
                                     " WHERE h.conversation_id = c.id)"),
    STATEMENT(SQL_VERIFY_ATTACHMENT_COUNT,
              "SELECT m.id FROM messages m WHERE attachment_count <> (SELECT COUNT(*)"
              " FROM attachments a WHERE a.conversation_id = m.conversation_id"
              " AND a.position = m.position)"),
    STATEMENT(SQL_VERIFY_OUTBOX, "SELECT MIN(seq) FROM outbox HAVING COUNT(*) > 0"
                                 " AND MAX(seq) - MIN(seq) + 1 <> COUNT(*)"),
    STATEMENT(SQL_VERIFY_SEARCH_SEGMENT,
              "SELECT number FROM search_segments WHERE document_count <> (SELECT COUNT(*)"
              " FROM search_documents d WHERE d.segment = search_segments.number)"),
    /* While nothing is to leave the index, and all that was there before is pending. */
    STATEMENT(SQL_VERIFY_SEARCH_TOTAL,
              "SELECT difference FROM (SELECT (SELECT COUNT(*) FROM messages)"
              " - (SELECT COUNT(*) FROM search_documents WHERE position > 0)"
              " - (SELECT COUNT(*) FROM search_pending p JOIN messages m"
              " ON m.conversation_id = p.conversation_id AND m.position >= p.first_position"
              " WHERE p.is_card = 0) AS difference) AS totals WHERE difference <> 0"
              " AND NOT EXISTS (SELECT 1 FROM search_stale)"
              " AND NOT EXISTS (SELECT 1 FROM search_backlog)"),
};

const char *sql_text(enum sql_id id, enum sql_dialect dialect)
{
    const struct sql *sql = &table[id];

    return sql->dialect[dialect] != NULL ? sql->dialect[dialect] : sql->text;
}

const char *sql_name(enum sql_id id)
{
    return table[id].name;
}
