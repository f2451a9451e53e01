#include "db/engine/migration.h"

#include "db/engine/schema.h"
#include "db/engine/statement.h"

static bool execute(struct connection *connection, const char *sql, struct error *error)
{
    return connection->driver->execute(connection, sql, error);
}

static bool table_exists(struct connection *connection, bool *exists, struct error *error)
{
    return statement_has_row(statement_begin(connection, SQL_SCHEMA_TABLE_EXISTS), exists, error);
}

bool migration_read_version(struct connection *connection, int64_t *version, struct error *error)
{
    bool exists;

    *version = 0;
    if (!table_exists(connection, &exists, error))
        return false;
    return !exists || statement_read_number(statement_begin(connection, SQL_SCHEMA_VERSION), 0,
                                            version, error);
}

static bool migrate_one(struct connection *connection, int64_t version,
                        const struct services *services, struct error *error)
{
    if (!execute(connection, schema_migration(version, connection->driver->dialect), error))
        return false;
    struct statement *statement = statement_begin(connection, SQL_SCHEMA_VERSION_INSERT);
    bind_integer(statement, 1, version);
    bind_integer(statement, 2, clock_wall_ms(services->clock));
    if (!statement_run(statement, error))
        return false;
    log_info(services->log, "schema migrated", LOG_NUMBER("version", version));
    return true;
}

static bool migrate_from(struct connection *connection, int64_t version,
                         const struct services *services, struct error *error)
{
    if (version == 0 && !execute(connection, schema_versions_table, error))
        return false;
    while (version < schema_version_newest)
        if (!migrate_one(connection, ++version, services, error))
            return false;
    return true;
}

bool migration_is_needed(struct connection *connection, bool *is_needed, struct error *error)
{
    int64_t version;

    if (!migration_read_version(connection, &version, error))
        return false;
    if (version > schema_version_newest)
        return error_unavailable(error,
                                 "the database has schema version %lld, this program knows %lld: "
                                 "upgrade messagerie",
                                 (long long)version, (long long)schema_version_newest);
    *is_needed = version < schema_version_newest;
    return true;
}

bool migration_run(struct connection *connection, const struct services *services,
                   struct error *error)
{
    int64_t version;

    if (!connection_run(connection, SQL_BEGIN_WRITE, error))
        return false;
    /* Somebody else may have been faster. */
    if (migration_read_version(connection, &version, error) &&
        migrate_from(connection, version, services, error) &&
        connection_run(connection, SQL_COMMIT, error))
        return true;
    connection_roll_back(connection);
    return false;
}
