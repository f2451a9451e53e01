#include "db/engine/transaction.h"

#include "db/engine/operation.h"

struct connection *transaction_connection(struct transaction *transaction)
{
    return transaction->connection;
}

const struct services *transaction_services(const struct transaction *transaction)
{
    return transaction->services;
}

void transaction_set_services(struct transaction *transaction, const struct services *services)
{
    transaction->services = services;
    transaction->now_ms = clock_wall_ms(services->clock);
}
