// SPDX-License-Identifier: MIT
#include "load/hdr.h"

uint64_t hdr_bucket_top(unsigned bucket)
{
    if (bucket < 2 * HDR_STEPS)
        return bucket;
    unsigned shift = bucket / HDR_STEPS - 1;
    return ((uint64_t)(bucket - shift * HDR_STEPS + 1) << shift) - 1;
}

void hdr_merge(struct hdr *into, const struct hdr *from)
{
    for (unsigned i = 0; i < HDR_BUCKETS; i++) {
        uint64_t count = counter_read(&from->buckets[i]);
        if (count)
            counter_add(&into->buckets[i], count);
    }
    counter_add(&into->count, counter_read(&from->count));
    counter_add(&into->sum, counter_read(&from->sum));
    if (counter_read(&from->max) > counter_read(&into->max))
        counter_set(&into->max, counter_read(&from->max));
}

// The rank is rounded up, so that p50 of {1, 2} is 1 and p100 the largest value.
static uint64_t rank_of(uint64_t count, double quantile)
{
    double exact = quantile * (double)count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact)
        rank++;
    return rank < 1 ? 1 : rank > count ? count : rank;
}

uint64_t hdr_quantile(const struct hdr *hdr, double quantile)
{
    uint64_t count = counter_read(&hdr->count), seen = 0;
    if (!count)
        return 0;
    uint64_t rank = rank_of(count, quantile), max = counter_read(&hdr->max);
    for (unsigned i = 0; i < HDR_BUCKETS; i++) {
        seen += counter_read(&hdr->buckets[i]);
        if (seen >= rank)
            return hdr_bucket_top(i) < max ? hdr_bucket_top(i) : max;
    }
    return max;
}

double hdr_mean(const struct hdr *hdr)
{
    uint64_t count = counter_read(&hdr->count);
    return count ? (double)counter_read(&hdr->sum) / (double)count : 0;
}
