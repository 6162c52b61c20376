// SPDX-License-Identifier: MIT
//
// Runs a fuzz target over the files of folders or over single files, without libFuzzer:
// fuzz_x_replay CORPUS...
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PATH_MAX_BYTES 4096

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    CHECK(file != NULL && fstat(fileno(file), &info) == 0);
    size_t len = (size_t)info.st_size;
    // Of exactly its size, for the address sanitizer.
    uint8_t *bytes = malloc(len == 0 ? 1 : len);
    CHECK(bytes != NULL && fread(bytes, 1, len, file) == len);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
}

static int replay(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        fprintf(stderr, "%s\n", path); // the last line names the input when one aborts
        replay_file(path);
        return 1;
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char file[PATH_MAX_BYTES];
        int len = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        CHECK(len > 0 && len < PATH_MAX_BYTES);
        count += replay(file);
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d passed, 0 failed\n", count);
    return count == 0; // an empty corpus tests nothing
}
