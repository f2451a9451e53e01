/*
 * The databases that are spoken to (db/engine/driver.h). Nearly every text is the same for all.
 */
#ifndef MESSAGERIE_DB_ENGINE_DIALECT_H
#define MESSAGERIE_DB_ENGINE_DIALECT_H

enum sql_dialect { SQL_DIALECT_SQLITE, SQL_DIALECT_COUNT };

#endif
