/*
 * What the REST programs count (common/counters.h), for the broker's /metrics.
 */
#ifndef MESSAGERIE_BROKER_REST_METRICS_H
#define MESSAGERIE_BROKER_REST_METRICS_H

#include "common/buffer.h"

/* Files that are looked at; there are three. */
#define REST_METRICS_FILES_MAX 16

/* Appends what the files in that folder say; nothing if there are none, or `folder` is "". */
void rest_metrics_write(const char *folder, struct buffer *out);

#endif
