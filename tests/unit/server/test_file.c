// SPDX-License-Identifier: MIT
#include "server/file.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/ringcast-file-XXXXXX";
static char error[256];

static void write_bytes(const char *bytes, size_t len)
{
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static char *read_with(size_t max_bytes, size_t *len)
{
    error[0] = 0;
    char *text = file_read(path, max_bytes, len, error, sizeof error);
    unlink(path);
    return text;
}

Test(file, is_read_whole_with_a_nul_behind)
{
    size_t len;
    write_bytes("a\0b", 3);
    char *text = read_with(3, &len);
    cr_assert_not_null(text, "%s", error);
    cr_expect_eq(len, 3);
    cr_expect_arr_eq(text, "a\0b\0", 4);
    free(text);
}

Test(file, too_long_or_empty)
{
    size_t len;
    write_bytes("abcd", 4);
    cr_expect_null(read_with(3, &len));
    cr_expect(strstr(error, path) && strstr(error, "longer than 3 bytes"), "%s", error);
    write_bytes("", 0);
    cr_expect_null(read_with(3, &len));
    cr_expect(strstr(error, "is empty"), "%s", error);
}

Test(file, what_cannot_be_read_is_named_with_the_reason)
{
    size_t len;
    cr_expect_null(file_read("/nonexistent/x", 10, &len, error, sizeof error));
    cr_expect_str_eq(error, "cannot read /nonexistent/x: No such file or directory");
    cr_expect_null(file_read("/tmp", 10, &len, error, sizeof error));
    cr_expect(strstr(error, "cannot read /tmp: Is a directory"), "%s", error);
}
