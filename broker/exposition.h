/*
 * The text in which counters are told to Prometheus (exposition format 0.0.4). All values of one
 * name stand together, behind its head.
 */
#ifndef MESSAGERIE_BROKER_EXPOSITION_H
#define MESSAGERIE_BROKER_EXPOSITION_H

#include <stdint.h>

#include "common/buffer.h"
#include "common/histogram.h"

/* What the name means, and its type: "counter", "gauge" or "histogram". */
void exposition_head(struct buffer *out, const char *name, const char *type, const char *help);

/* `labels`: NAME="VALUE" with commas between, or "". */
void exposition_value(struct buffer *out, const char *name, const char *labels, uint64_t value);

/* The parts of a histogram, in seconds. */
void exposition_histogram(struct buffer *out, const char *name, const char *labels,
                          const struct histogram *histogram);

#endif
