// SPDX-License-Identifier: MIT
#include "load/json_read.h"

#include "load/json.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char sample[] = "{\"a\": {\"p99.9\": 12.5, \"b\": [1, {\"c\": 2}]}, \"t\": \"x\\\"y\","
                             " \"n\": null, \"list\": [], \"last\": -3e2}\n";

Test(json_read, only_objects)
{
    static const char *const broken[] = {"",    "{",       "[1]", "{\"a\"}",          "{} x",
                                         "\"a", "[[[[[[[", "3",   "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        cr_assert_null(json_read(broken[i]), "%s", broken[i]);
    json_read_free(NULL);
}

Test(json_read, finds_by_path)
{
    double value = 0;
    struct json_tree *tree = json_read(sample);
    cr_assert_not_null(tree);
    cr_assert(json_read_number(tree, "a/p99.9", &value));
    cr_assert_eq(value, 12.5);
    cr_assert(json_read_number(tree, "last", &value));
    cr_assert_eq(value, -300);
    cr_assert_not(json_read_number(tree, "a/none", &value));
    cr_assert_not(json_read_number(tree, "a", &value));
    cr_assert_not(json_read_number(tree, "n", &value));
    cr_assert_not(json_read_number(tree, "last/deeper", &value));
    cr_assert_str_eq(json_read_text(tree, "t"), "x\"y");
    cr_assert_null(json_read_text(tree, "a"));
    cr_assert_null(json_read_text(tree, "last"));
    json_read_free(tree);
}

// What our own writer writes: every kind of value, characters that need an escape, nesting.
Test(json_read, reads_what_json_writes)
{
    char *text = NULL;
    size_t text_bytes;
    double value;
    struct json json = {.file = open_memstream(&text, &text_bytes)};
    json_open(&json, NULL, '{');
    json_text(&json, "quote\"", "a\\b\"c\n\x01ü");
    json_count(&json, "count", UINT64_C(1) << 53);
    json_open(&json, "in", '{');
    json_number(&json, "half", 0.5);
    json_number(&json, "endless", 1.0 / 0.0);
    json_open(&json, "list", '[');
    json_bool(&json, NULL, true);
    json_text(&json, NULL, NULL);
    json_close(&json, ']');
    json_close(&json, '}');
    json_close(&json, '}');
    fclose(json.file);
    struct json_tree *tree = json_read(text);
    cr_assert_not_null(tree, "%s", text);
    cr_assert_str_eq(json_read_text(tree, "quote\""), "a\\b\"c\n\x01ü");
    cr_assert(json_read_number(tree, "count", &value));
    cr_assert_eq(value, 9007199254740992.0);
    cr_assert(json_read_number(tree, "in/half", &value));
    cr_assert_eq(value, 0.5);
    cr_assert(json_read_number(tree, "in/endless", &value));
    cr_assert_eq(value, 0);
    json_read_free(tree);
    free(text);
}
