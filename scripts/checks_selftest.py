#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves that every rule of the checkers can fail, and that what is right passes."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

import check_layers  # noqa: E402
import check_style  # noqa: E402
import count_tests  # noqa: E402
import gen_reference  # noqa: E402

SPDX = '// SPDX-License-Identifier: MIT\n'


class TreeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding='utf-8')


class Layers(TreeTest):
    def setUp(self):
        super().setUp()
        for header in ('src/base/list.h', 'src/net/link.h', 'src/codec/utf8.h', 'src/server/server.h',
                       'tests/support/fake.h', 'bench/load/plan.h', 'include/ringcast/ringcast.h'):
            self.write(header, '')

    def problems(self, path, include):
        self.write(path, f'// first line\n#include {include}\n')
        found = check_layers.check_tree(self.root)
        self.write(path, '')
        return found

    def good(self, path, include):
        self.assertEqual(self.problems(path, include), [])

    def bad(self, path, include, expected):
        found = self.problems(path, include)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f'{path}:2: '), found)
        self.assertIn(expected, found[0])

    def test_downward_and_own_layer_pass(self):
        self.good('src/net/link.c', '"base/list.h"')
        self.good('src/net/link.c', '"net/link.h"')
        self.good('src/net/link.c', '<stdint.h>')

    def test_upward(self):
        self.bad('src/base/list.c', '"net/link.h"', 'src/base must not see net/')

    def test_sibling(self):
        self.bad('src/hub/room.c', '"codec/utf8.h"', 'src/hub must not see codec/')

    def test_unknown_layer(self):
        self.bad('src/base/list.c', '"nowhere/x.h"', 'is in no layer')
        self.bad('src/misc/x.c', '"base/list.h"', 'src/misc has no row')

    def test_path_qualified(self):
        self.bad('src/base/list.c', '"list.h"', 'write "FOLDER/list.h"')
        self.bad('tests/unit/base/test_list.c', '"../x/list.h"', 'not path-qualified')

    def test_own_header_in_angle_brackets(self):
        self.bad('src/net/link.c', '<base/list.h>', 'write it in quotes')

    def test_data_files(self):
        self.good('src/server/config.c', '"config.def"')
        self.bad('src/base/x.c', '"server/config.def"', 'must not see server/')

    def test_confined(self):
        self.good('src/ring/ring_uring.c', '<liburing.h>')
        self.bad('src/ring/ring.h', '<liburing.h>', 'is confined to')

    def test_confined_wolfssl(self):
        self.good('src/codec/tls.c', '<wolfssl/ssl.h>')
        self.bad('src/codec/utf8.c', '<wolfssl/ssl.h>', 'is confined to')

    def test_confined_jansson(self):
        self.good('src/codec/claims.c', '<jansson.h>')
        self.bad('src/codec/jwt_keys.h', '<jansson.h>', 'is confined to')

    def test_confined_ini(self):
        self.good('src/server/config.c', '<ini.h>')
        self.bad('src/base/config.c', '<ini.h>', 'is confined to')

    def test_bench(self):
        self.good('bench/load/load.c', '"codec/utf8.h"')
        self.good('bench/load/load.c', '"load/plan.h"')
        self.bad('bench/load/load.c', '"net/link.h"', 'bench/ must not see net/')
        self.bad('bench/load/load.c', '"hub/hub.h"', 'bench/ must not see hub/')
        self.good('bench/micro/bench_hub.c', '"hub/hub.h"')

    def test_tests_see_everything_that_exists(self):
        self.good('tests/sim/sim.c', '"server/server.h"')
        self.good('tests/sim/sim.c', '"support/fake.h"')
        self.bad('tests/sim/sim.c', '"support/none.h"', 'correct the path')

    def test_public_header(self):
        self.good('src/embed/embed.c', '"ringcast/ringcast.h"')
        self.bad('include/ringcast/ringcast.h', '"base/list.h"', 'include/ must not see base/')

    def test_programs_outside(self):
        self.good('tests/examples/chat.c', '<ringcast/ringcast.h>')
        self.bad('tests/examples/chat.c', '"ringcast/ringcast.h"', 'not what a program outside writes')
        self.bad('tests/package/program.c', '"base/list.h"', 'not what a program outside writes')

    def test_public_header_inside(self):
        self.bad('src/conn/conn.c', '"ringcast/ringcast.h"', 'must not see ringcast/')


class Style(TreeTest):
    def problems(self, path, text, covered=None):
        self.write(path, text)
        if path.startswith('src/'):
            name = Path(path)
            self.write(f'tests/unit/{name.parts[1]}/test_{name.stem}.c', SPDX)
        return check_style.check_tree(self.root, covered or {})

    def good(self, path, text):
        self.assertEqual(self.problems(path, text), ([], []))

    def bad(self, path, line, text, expected):
        found, _ = self.problems(path, text)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f'{path}:{line}: '), found)
        self.assertIn(expected, found[0])

    def test_line(self):
        self.good('src/base/x.c', SPDX + '//' + 'ä' * 98 + '\n')
        self.bad('src/base/x.c', 2, SPDX + '//' + 'a' * 99 + '\n', '101 columns')

    def test_function(self):
        body = 'int f(int a,\n      int b)\n{\n' + '    a++;\n' * 66 + '}\n'
        self.good('src/base/x.c', SPDX + '\n' + body)
        longer = body.replace('{\n', '{\n    b++;\n')
        self.bad('src/base/x.c', 3, SPDX + '\n' + longer, 'function of 71 lines')
        self.good('src/base/x.c', SPDX + '\n// long: one flat switch\n' + longer)
        self.bad('src/base/x.c', 4, SPDX + '\n// long:\n' + longer, 'function of 71 lines')

    def test_file(self):
        self.good('src/base/x.c', SPDX * 500)
        problems, warnings = self.problems('src/base/x.c', SPDX * 501)
        self.assertEqual((len(problems), len(warnings)), (0, 1))
        self.bad('src/base/x.c', 801, SPDX * 801, 'split the file')

    def test_file_outside_src(self):
        self.good('tests/sim/x.c', SPDX * 801)

    def test_licence(self):
        self.bad('include/ringcast/ringcast.h', 1, '#pragma once\n', 'first line')

    def test_banned(self):
        for call in ('strcpy(a, b)', 'strcat(a, b)', 'sprintf(a, b)', 'vsprintf(a, b, c)', 'gets(a)',
                     'atoi(a)', 'strtok(a, b)', 'printf("x")', 'fprintf(stderr, "x")', 'time(NULL)',
                     'clock_gettime(a, b)', 'pthread_mutex_lock(a)'):
            with self.subTest(call):
                self.bad('src/base/x.c', 2, f'{SPDX}    x = {call};\n', 'is banned here')

    def test_not_banned(self):
        for line in ('snprintf(a, b, c)', 'fprintf(file, "x")', '"printf(x) time(x)"', 'run_time(x)',
                     'int x; // printf(x)', '/* atoi(x) */', '__attribute__((format(printf, 1, 2)))'):
            with self.subTest(line):
                self.good('src/base/x.c', f'{SPDX}    {line};\n')

    def test_allowed_places(self):
        self.good('src/server/x.c', SPDX + 'printf("x");\npthread_mutex_lock(a);\n')
        self.good('src/base/clock.c', SPDX + 'clock_gettime(a, b);\n')
        self.good('tests/sim/x.c', SPDX + 'printf("x"); clock_gettime(a, b); pthread_mutex_lock(a);\n')

    def test_notes(self):
        self.bad('src/base/x.c', 2, SPDX + '// FIXME later\n', 'FIXME')
        self.bad('src/base/x.c', 2, SPDX + '// XXX later\n', 'FIXME/XXX')
        self.bad('src/base/x.c', 2, SPDX + '// TODO later\n', 'TODO without a name')
        self.good('src/base/x.c', SPDX + '// TODO(ann): later\nmkstemp("/tmp/aXXXXXX");\n')

    def test_mirrors(self):
        self.write('src/base/x.c', SPDX)
        found, _ = check_style.check_tree(self.root, {})
        self.assertIn('has no tests/unit/base/test_x.c', found[0])
        self.assertEqual(check_style.check_tree(self.root, {'base/x': 'sim'}), ([], []))

    def test_mirror_table_is_current(self):
        found, _ = self.problems('src/base/x.c', SPDX, {'base/x': 'sim', 'base/y': 'sim'})
        self.assertEqual(len(found), 2, found)
        self.assertIn('has a unit test by now', found[0])
        self.assertIn('there is no src/base/y.c', found[1])


class Reference(TreeTest):
    OVERVIEW = SPDX + '//\n// What it is.\n//\n// Order. As it comes.\n//\n//   as is\n'
    GUARD = '#ifndef X_H\n#define RINGCAST_RINGCAST_H\n\nextern "C" {\n\n#define RINGCAST_API x\n\n'
    LIFE = '// --- Life\n//\n// Thread: control.\n\n'

    def page(self, body):
        return gen_reference.write_page(self.OVERVIEW + self.GUARD + body + '\n}\n\n#endif\n')

    def bad(self, body, expected):
        with self.assertRaises(gen_reference.HeaderError) as caught:
            self.page(body)
        self.assertIn(expected, str(caught.exception))

    def test_overview(self):
        page = self.page(self.LIFE)
        for part in ('What it is.\n', '**Order.** As it comes.\n', '```text\nas is\n```', '## Life\n'):
            self.assertIn(part, page)

    def test_functions(self):
        page = self.page(self.LIFE + '// Begins, see ringcast_b.\nRINGCAST_API int ringcast_a(int x,\n'
                         '                            int y);\nRINGCAST_API void ringcast_b(void);\n\n'
                         '// Ends. Thread: any.\nRINGCAST_API void ringcast_c(void);\n')
        self.assertIn('[`ringcast_a`](#ringcast_a) · [`ringcast_b`](#ringcast_b)', page)
        self.assertIn('### ringcast_a, ringcast_b\n\n```c\nint ringcast_a(int x, int y);\n'
                      'void ringcast_b(void);\n```\n\nBegins, see [`ringcast_b`](#ringcast_b).\n\n'
                      'Thread: control.\n', page)
        self.assertNotIn('Ends. Thread: any.\n\nThread', page)

    def test_long_prototype(self):
        page = self.page(self.LIFE + '// Text.\nRINGCAST_API int ringcast_a(' + 'int long_name,\n   ' * 9
                         + 'int x);\n')
        self.assertRegex(page, r'int ringcast_a\(int long_name,.*\n {15}int long_name')

    def test_structures(self):
        page = self.page(self.LIFE + '// A thing.\nstruct ringcast_x {\n    int a; // one | two\n\n'
                         '    // The second\n    // field.\n    char b[9]; // behind it\n    int c;\n};\n')
        self.assertIn('| `int a` | one \\| two |\n', page.replace('&#124;', '|'))
        self.assertIn('| `char b[9]` | The second field. behind it |\n| `int c` |  |\n', page)

    def test_callbacks(self):
        body = self.LIFE + ('// All.\nstruct ringcast_callbacks {\n%s    void (*on_it)(int a,\n'
                            '                  int b);\n};\n')
        self.assertIn('#### on_it\n\n```c\nvoid (*on_it)(int a, int b);\n```\n\nIt.\n',
                      self.page(body % '    // It.\n'))
        self.bad(body % '', 'ringcast_callbacks.on_it has no text')

    def test_what_has_no_text(self):
        self.bad(self.LIFE + 'RINGCAST_API void ringcast_a(void);\n', 'ringcast_a has no text')
        self.bad(self.LIFE + '// Text.\nRINGCAST_API void ringcast_a(void);\n\n'
                 'RINGCAST_API void ringcast_b(void);\n', 'ringcast_b has no text')
        self.bad(self.LIFE + 'enum ringcast_e { A, B };\n', 'ringcast_e has no text')
        self.bad(self.LIFE + '#define RINGCAST_A 1\n', 'RINGCAST_A has no text')

    def test_what_stands_wrong(self):
        self.bad('// Text.\nRINGCAST_API void ringcast_a(void);\n', 'before the first section')
        self.bad('// --- Life\nRINGCAST_API void ringcast_a(void);\n', 'an empty line is missing')

    def test_out_of_date(self):
        header = self.OVERVIEW + self.GUARD + self.LIFE + '// Text.\nRINGCAST_API void ringcast_a(void);\n'
        self.write('include/ringcast/ringcast.h', header)
        root = [str(self.root)]
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(gen_reference.main(['--check', *root]), 1)
            self.assertEqual(gen_reference.main(root), 0)
            self.assertEqual(gen_reference.main(['--check', *root]), 0)
            self.write('include/ringcast/ringcast.h', header.replace('Text', 'Another text'))
            self.assertEqual(gen_reference.main(['--check', *root]), 1)


class Count(unittest.TestCase):
    def count(self, stdout, result='OK', stderr=''):
        record = json.dumps({'name': 'x', 'result': result, 'stdout': stdout, 'stderr': stderr})
        return count_tests.count_log([record + '\n', '\n'])

    def test_plain(self):
        self.assertEqual(self.count(''), (1, 0, 0))
        self.assertEqual(self.count('', 'FAIL'), (0, 1, 0))
        self.assertEqual(self.count('', 'TIMEOUT'), (0, 1, 0))
        self.assertEqual(self.count('', 'SKIP'), (0, 0, 1))

    def test_tap(self):
        tap = 'TAP version 13\n1..3\nok - a::b  (0.00s)\nnot ok - c\n  ---\n  ok\nok - d # SKIP why\n'
        self.assertEqual(self.count(tap, 'ERROR'), (1, 1, 1))

    def test_tap_cut_short(self):
        self.assertEqual(self.count('1..3\nok 1\n', 'ERROR'), (1, 2, 0))

    def test_failure_after_the_last_case(self):
        self.assertEqual(self.count('1..1\nok 1\n', 'ERROR'), (1, 1, 0))

    def test_criterion(self):
        line = '[====] Synthesis: Tested: 7 | Passing: 4 | Failing: 2 | Crashing: 1 \n'
        self.assertEqual(self.count('', 'FAIL', line), (4, 3, 0))

    def test_summary(self):
        self.assertEqual(self.count('1 passed, 1 failed\n7 passed, 0 failed\n'), (7, 0, 0))
        self.assertEqual(self.count('7 passed, 2 failed, 1 skipped\n', 'FAIL'), (7, 2, 1))


if __name__ == '__main__':
    unittest.main()
