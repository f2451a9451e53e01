#include "broker/exposition.h"

#include <inttypes.h>

void exposition_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void exposition_value(struct buffer *out, const char *name, const char *labels, uint64_t value)
{
    if (labels[0] == '\0')
        buffer_append_format(out, "%s %" PRIu64 "\n", name, value);
    else
        buffer_append_format(out, "%s{%s} %" PRIu64 "\n", name, labels, value);
}

/* The suffix is behind the name and before the labels. */
static void write_part(struct buffer *out, const char *name, const char *suffix, const char *labels)
{
    buffer_append_format(out, "%s_%s", name, suffix);
    if (labels[0] != '\0')
        buffer_append_format(out, "{%s}", labels);
}

/* The format counts cumulatively, each bucket with those below it; we count each value once. */
void exposition_histogram(struct buffer *out, const char *name, const char *labels,
                          const struct histogram *histogram)
{
    const char *comma = labels[0] != '\0' ? "," : "";
    uint64_t sum = 0;

    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += histogram->counts[i];
        buffer_append_format(out, "%s_bucket{%s%sle=\"", name, labels, comma);
        if (i < HISTOGRAM_BUCKETS - 1)
            buffer_append_format(out, "%g", histogram_bound_s(i));
        else
            buffer_append_text(out, "+Inf");
        buffer_append_format(out, "\"} %" PRIu64 "\n", sum);
    }
    write_part(out, name, "sum", labels);
    buffer_append_format(out, " %g\n", (double)histogram->sum_ms / 1000);
    write_part(out, name, "count", labels);
    buffer_append_format(out, " %" PRIu64 "\n", sum);
}
