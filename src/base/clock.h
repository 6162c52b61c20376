// SPDX-License-Identifier: MIT
//
// The only place that reads time. A shard reads it once per tick and hands it on as an argument.
#pragma once

#include <stdint.h>

uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);
uint64_t clock_thread_cpu_ns(void); // CPU time of the calling thread
uint64_t clock_realtime_ms(void);   // milliseconds since 1970, for log lines only
