/*
 * After the configuration was read anew: the sockets of tokens that are none any more, because the
 * key that has signed them is no longer accepted. They end as at the `exp` of a token, spread over
 * some time: all of them come back at once otherwise, each to be refused, and ask the booking
 * back-end for another token.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_WITHDRAWAL_H
#define MESSAGERIE_BROKER_WITHDRAWAL_H

#include "broker/parts.h"
#include "broker/silent.h"

/* Over how long they end. */
#define WITHDRAWAL_SPREAD_MS 3000

/* By the present configuration. */
void withdrawal_begin(struct broker_parts *parts, struct silent_sockets *silent);

#endif
