// SPDX-License-Identifier: MIT
#include "codec/json_strict.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define DEPTH_8  "[[[[[[[["
#define FLOOR_8  "]]]]]]]]"
#define DEPTH_15 DEPTH_8 "[[[[[[["
#define FLOOR_15 FLOOR_8 "]]]]]]]"

static const struct {
    const char *name, *text;
    bool good;
} cases[] = {
    {"empty object", "{}", true},
    {"blanks around", " \r\n\t{} \n", true},
    {"members", "{\"a\":1,\"b\":[true,null,\"x\"]}", true},
    {"as deep as allowed", "{\"a\":" DEPTH_15 FLOOR_15 "}", true},
    {"brackets in strings", "{\"a\":\"\\\"" DEPTH_15 DEPTH_15 "{{{{\\\\\"}", true},
    {"side by side", "{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}", true},
    {"same name on two levels", "{\"a\":{\"a\":1}}", true},
    {"nothing", "", false},
    {"one level too deep", "{\"a\":" DEPTH_15 "[]" FLOOR_15 "}", false},
    {"very deep and open",
     "{\"a\":" DEPTH_15 DEPTH_15 DEPTH_15 DEPTH_15 DEPTH_15 DEPTH_15 DEPTH_15 DEPTH_15, false},
    {"too deep behind an escaped quote", "{\"\\\"\":" DEPTH_15 "[]" FLOOR_15 "}", false},
    {"array", "[]", false},
    {"string", "\"a\"", false},
    {"number", "1", false},
    {"two objects", "{}{}", false},
    {"text behind", "{} x", false},
    {"cut", "{\"a\":1", false},
    {"member twice", "{\"a\":1,\"a\":1}", false},
    {"member twice, once escaped", "{\"a\":1,\"\\u0061\":2}", false},
    {"member twice, deeper", "{\"a\":[{\"b\":1,\"b\":2}]}", false},
    {"comment", "{/**/}", false},
    {"comma at the end", "{\"a\":1,}", false},
    {"single quotes", "{'a':1}", false},
    {"control character", "{\"a\":\"\n\"}", false},
    {"escaped NUL", "{\"a\":\"\\u0000\"}", false},
    {"lone surrogate", "{\"a\":\"\\ud800\"}", false},
    {"not UTF-8", "{\"a\":\"\xff\"}", false},
    {"overlong UTF-8", "{\"a\":\"\xc0\x80\"}", false},
    {"leading zero", "{\"a\":01}", false},
    {"plus", "{\"a\":+1}", false},
    {"not a number", "{\"a\":NaN}", false},
    {"too large an integer", "{\"a\":9223372036854775808}", false},
    {"too large a real", "{\"a\":1e999}", false},
    {"byte order mark", "\xef\xbb\xbf{}", false},
};

Test(json_strict, cases)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *root = json_strict_parse(cases[i].text, strlen(cases[i].text), NULL);
        cr_expect_eq(root != NULL, cases[i].good, "%s", cases[i].name);
        json_decref(root);
    }
}

Test(json_strict, raw_nul)
{
    cr_expect_null(json_strict_parse("{}\0", 3, NULL));
    cr_expect_null(json_strict_parse("{\"a\":\"\0\"}", 9, NULL));
}

Test(json_strict, says_where)
{
    unsigned line = 99;
    cr_expect_null(json_strict_parse("{\n\"a\":1,\n!}", 11, &line));
    cr_expect_eq(line, 3);
    cr_expect_null(json_strict_parse("[]", 2, &line));
    cr_expect_eq(line, 1);
    json_t *root = json_strict_parse("{}", 2, &line);
    cr_expect_not_null(root);
    cr_expect_eq(line, 0);
    json_decref(root);
}
