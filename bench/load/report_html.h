// SPDX-License-Identifier: MIT
//
// The page with the plots: report.html, with the runs' JSON put in where it says so. It stands
// alone: no network, no other files.
#pragma once

#include "load/results.h"

extern const unsigned char report_page[]; // report.html, embedded when building
extern const size_t report_page_bytes;

// Writes the page of one run. Returns 0 or -errno.
MUST_USE int report_html(const struct results *results, const char *path);

// The same of runs whose JSON texts are already there.
MUST_USE int report_html_texts(const char *const *texts, uint32_t count, const char *path);
