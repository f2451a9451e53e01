#include "db/database.h"

#include "db/database_driver.h"
#include "db/deletion.h"
#include "db/sqlite/sqlite_driver.h"

const struct driver *database_driver(void)
{
    return &sqlite_driver;
}

/* What is deleted goes on going. */
static bool do_chore(struct transaction *transaction, bool *has_more, struct error *error)
{
    struct deletion_slice slice;
    bool succeeded = deletion_slice_run(transaction, &slice, error);

    *has_more = succeeded && slice.has_more;
    return succeeded;
}

struct database *database_create(const struct database_options *options,
                                 const struct services *services, struct error *error)
{
    struct database_options with_chore = *options;

    with_chore.chore = do_chore;
    return database_create_with(database_driver(), &with_chore, services, error);
}

struct database_options database_options_from(const struct config *config)
{
    return (struct database_options){
        .path = config->database_path,
        .readers = config->database_readers,
        .busy_timeout_ms = config->database_busy_timeout_ms,
        .outbox_retention_ms = config->database_outbox_retention_s * 1000,
        .outbox_max_rows = config->database_outbox_max_rows,
    };
}

void database_use_config(struct database *database, const struct config *config)
{
    const struct database_options options = database_options_from(config);

    database_limit_outbox(database, options.outbox_retention_ms, options.outbox_max_rows);
}
