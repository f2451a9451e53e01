/*
 * The one place where the driver is chosen (db/engine/driver.h). For db/ alone.
 */
#ifndef MESSAGERIE_DB_DATABASE_DRIVER_H
#define MESSAGERIE_DB_DATABASE_DRIVER_H

#include "db/engine/driver.h"

const struct driver *database_driver(void);

#endif
