#include "broker/withdrawal.h"

#include "broker/client.h"
#include "common/configuration.h"

/* What is known of them before the first one is touched. */
struct withdrawal {
    const struct token_verifier *verifier;
    int64_t count;
    int64_t ended;
};

static bool is_withdrawn(const struct withdrawal *withdrawal, const struct client *client)
{
    return !token_verifier_has_key(withdrawal->verifier, &client->key);
}

static void count_client(struct occupant *occupant, void *context)
{
    struct withdrawal *withdrawal = context;

    withdrawal->count += is_withdrawn(withdrawal, client_of(occupant));
}

static void end_client(struct occupant *occupant, void *context)
{
    struct withdrawal *withdrawal = context;
    struct client *client = client_of(occupant);

    if (is_withdrawn(withdrawal, client))
        client_expire_in(client, withdrawal->ended++ * WITHDRAWAL_SPREAD_MS / withdrawal->count);
}

void withdrawal_begin(struct broker_parts *parts, struct silent_sockets *silent)
{
    struct withdrawal withdrawal = {.verifier = parts->configuration->verifier};
    int64_t silent_count = silent_withdraw(silent, withdrawal.verifier, WITHDRAWAL_SPREAD_MS);

    rooms_visit(&parts->rooms, count_client, &withdrawal);
    if (withdrawal.count + silent_count == 0)
        return;
    log_info(loop_services(parts->loop)->log, "sockets whose key is gone are closed",
             LOG_NUMBER("sockets", withdrawal.count + silent_count));
    rooms_visit(&parts->rooms, end_client, &withdrawal);
}
