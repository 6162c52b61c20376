#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes include/ringcast/REFERENCE.md from ringcast.h:  gen_reference.py [--check] [ROOT]

--check says whether it is up to date, and writes nothing. What the header has to look like:

  // --- TITLE         begins a section; the comment lines below it, behind an empty one, introduce it
  // text              directly above declarations: documents all of them until the next empty line
  // text: `Thread: x.` at the start of a sentence; one of a section holds for what has none itself

Everything but the fields of a structure needs a text; of ringcast_callbacks, these too.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

HEADER = 'include/ringcast/ringcast.h'
TARGET = 'include/ringcast/REFERENCE.md'
WRAP = 100


class HeaderError(Exception):
    pass


@dataclass
class Declaration:
    kind: str  # function, struct, enum, opaque, constant
    name: str
    code: str
    text: str = ''  # behind it on its line
    fields: list = field(default_factory=list)  # of a struct: [(name, code, text)]


@dataclass
class Group:
    """A comment and what it documents."""
    text: list
    declarations: list


@dataclass
class Section:
    title: str
    text: list
    groups: list = field(default_factory=list)


# --- Reading

def strip_comment(line):
    """(code, text of the comment) of a line."""
    code, _, text = line.partition('//')
    return code.rstrip(), text.strip()


def uncomment(line):
    return line[2:].removeprefix(' ').rstrip()


def split_blocks(lines):
    """Runs of lines without an empty one outside of braces."""
    block, depth = [], 0
    for line in lines:
        code = strip_comment(line)[0]
        if not line.strip() and not depth:
            if block:
                yield block
            block = []
            continue
        block.append(line)
        depth += code.count('{') - code.count('}')
    if block:
        yield block


def read_fields(body):
    """[(name, declaration, text)] of the lines between a structure's braces."""
    fields, texts, code = [], [], ''
    for line in body:
        part, text = strip_comment(line.strip())
        code = f'{code} {part}'.strip()
        texts.append(text)
        if code.endswith(';'):
            declared = code[:-1]
            name = re.search(r'\(\*(\w+)\)', declared) or re.search(r'(\w+)(?:\[\w+\])?$', declared)
            fields.append((name.group(1), declared, ' '.join(filter(None, texts))))
            texts, code = [], ''
    return fields


def read_declaration(lines):
    """The declaration that the lines hold as a whole."""
    code = '\n'.join(filter(None, (strip_comment(line)[0] for line in lines)))
    text = strip_comment(lines[-1])[1] if len(lines) == 1 else ''
    if code.startswith('RINGCAST_API'):
        prototype = break_lines(re.sub(r'\s+', ' ', code.removeprefix('RINGCAST_API ')))
        return Declaration('function', re.search(r'\b(ringcast_\w+)\(', prototype).group(1), prototype)
    if code.startswith('#define'):
        name, value = re.match(r'#define (\w+)\s+(.*)', code).groups()
        return Declaration('constant', name, value, text)
    kind, name = re.match(r'(?:typedef )?(struct|enum) (\w+)', code).groups()
    if '{' not in code:
        return Declaration('opaque', name, code, text)
    fields = read_fields(lines[1:-1]) if kind == 'struct' else []
    return Declaration(kind, name, code, text, fields)


def break_lines(code):
    """A prototype in lines that are not too long, its parameters below each other."""
    indent = re.match(r'.*?\w\)?\(', code).end() if len(code) > WRAP else 0
    lines, line = [], ''
    for part in re.split(r'(?<=,) ', code) if indent else [code]:
        if line and len(line) + 1 + len(part) > WRAP:
            lines.append(line)
            line = ' ' * (indent - 1)
        line = f'{line} {part}' if line else part
    return '\n'.join([*lines, line])


def split_declarations(lines):
    """The lines of each declaration."""
    current, depth = [], 0
    for line in lines:
        current.append(line)
        code = strip_comment(line)[0]
        depth += code.count('{') + code.count('(') - code.count('}') - code.count(')')
        if code.startswith('#define') or (not depth and code.endswith(';')):
            yield current
            current = []
    if current:
        raise HeaderError(f'not understood: {" ".join(current)}')


# What makes a header of it, and is none of its contents.
SCAFFOLD = re.compile(r'#(include|if|ifdef|ifndef|endif)\b|extern "C"|}$|#define RINGCAST_(API|RINGCAST_H)\b')


def read_header(text):
    """(overview, sections)"""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith('#ifndef'))
    overview = [uncomment(line) for line in lines[1:start]]
    sections = []
    for block in split_blocks('' if SCAFFOLD.match(line) else line for line in lines[start:]):
        comment = [uncomment(line) for line in block[:next(
            (i for i, line in enumerate(block) if not line.startswith('//')), len(block))]]
        declarations = [read_declaration(d) for d in split_declarations(block[len(comment):])]
        if comment and comment[0].startswith('--- '):
            if declarations:
                raise HeaderError(f'an empty line is missing below the section {comment[0]}')
            sections.append(Section(comment[0][4:], comment[1:]))
        elif not sections:
            raise HeaderError(f'stands before the first section: {block[0]}')
        else:
            sections[-1].groups.append(Group(comment, declarations))
    return overview, sections


def check(sections):
    """What is not documented."""
    problems = []
    for section in sections:
        for group in section.groups:
            for d in group.declarations:
                if not group.text and not d.text:
                    problems.append(f'{d.name} has no text: write one above it')
                problems += [f'{d.name}.{name} has no text: write one above it'
                             for name, code, text in d.fields if '(*' in code and not text
                             and d.name == 'ringcast_callbacks']
    return problems


# --- Writing

def anchors(sections):
    """Names that have a place on the page, and where."""
    places = {}
    for section in sections:
        for group in section.groups:
            for d in group.declarations:
                places[d.name] = d.name
                if d.name == 'ringcast_callbacks':
                    places.update({name: name for name, _, _ in d.fields})
                if d.kind == 'enum':
                    places.update({c: d.name for c in re.findall(r'\b(RINGCAST_\w+)', d.code)})
    return places


class Page:
    def __init__(self, sections):
        self.places = anchors(sections)
        self.lines = []

    def add(self, *lines):
        self.lines += lines

    def inline(self, text, here=''):
        """A text with links, and with nothing in it that Markdown would take for its own."""
        def name(match):
            word = match.group()
            if word not in self.places or self.places[word] == here:
                return f'`{word}`'
            return f'[`{word}`](#{self.places[word]})'
        parts = re.split(r'(`[^`]*`|"[^"]*")', text)
        for i, part in enumerate(parts):
            if part.startswith('`'):
                continue
            if part.startswith('"'):
                parts[i] = f'`{part}`' if re.search(r'[*_<>\\|]', part) else part
                continue
            part = re.sub(r'([*<>|\\])', r'\\\1', part)
            parts[i] = re.sub(r'\b(?:ringcast_\w+|RINGCAST_\w+|[a-z0-9]+_[a-z0-9_]+|NULL)\b|(?<!\w)_[A-Z]+\b|'
                              r'-E[A-Z]+\b', name, part)
        return ''.join(parts)

    def text(self, lines, here=''):
        """Paragraphs; what is indented in the header stays as it is."""
        paragraph, literal = [], []
        for line in [*lines, '']:
            if line.startswith('  '):
                literal.append(line)
                continue
            if literal:
                indent = min(len(entry) - len(entry.lstrip()) for entry in literal)
                self.add('```text', *(entry[indent:] for entry in literal), '```', '')
                literal = []
            if line:
                paragraph.append(line)
            elif paragraph:
                self.paragraph(' '.join(paragraph), here)
                paragraph = []

    def paragraph(self, text, here):
        topic = re.match(r'([A-Z][a-z]+)\. ', text)
        marked = self.inline(text, here)
        if topic:
            marked = f'**{topic.group(1)}.** {marked[topic.end():]}'
        self.add(*wrap(marked), '')

    def code(self, code):
        self.add('```c', *code.splitlines(), '```', '')

    def place(self, *names):
        self.add(''.join(f'<a id="{name}"></a>' for name in names), '')


def wrap(text):
    lines, line = [], ''
    for word in text.split(' '):
        if line and len(line) + 1 + len(word) > WRAP:
            lines.append(line)
            line = ''
        # A line must not begin with what makes a list or a heading of it.
        line = f'{line} {word}'.strip()
    return [re.sub(r'^([-+#]|\d+[.)])(?= )', r'\\\1', entry) for entry in [*lines, line]]


def link_of(section):
    return re.sub(r'[^a-z0-9 -]', '', section.title.lower()).replace(' ', '-')


def thread_of(group, section):
    """A section's `Thread:` sentence, for functions whose text has none."""
    if 'Thread:' in ' '.join(group.text):
        return ''
    found = re.search(r'Thread: ([^.:]*)', ' '.join(section.text))
    return f'Thread: {found.group(1).strip()}.' if found else ''


def write_table(page, rows, head):
    page.add(f'| {head[0]} | {head[1]} |', '|---|---|')
    for code, text in rows:
        page.add(f'| `{code}` | {text.replace("|", "&#124;") if text else ""} |')
    page.add('')


def write_callbacks(page, declaration):
    for name, code, text in declaration.fields:
        page.place(name)
        page.add(f'#### {name}', '')
        page.code(break_lines(code + ';'))
        page.add(*wrap(page.inline(text, name)), '')


def write_group(page, group, section):
    functions = [d for d in group.declarations if d.kind == 'function']
    constants = [d for d in group.declarations if d.kind == 'constant']
    first = group.declarations[0].name
    page.place(*(d.name for d in group.declarations))
    if constants:
        write_table(page, [(f'{d.name} = {d.code}', page.inline(d.text, d.name)) for d in constants],
                    ('constant', 'what'))
        return
    page.add('### ' + ', '.join(d.name for d in group.declarations), '')
    codes = [d.code for d in group.declarations if d.kind in ('enum', 'opaque', 'function')]
    if codes:
        page.code('\n'.join(codes))
    page.text(group.text, first)
    for d in group.declarations:
        if d.kind == 'opaque' and d.text:
            page.add(*wrap(f'`{d.name}`: {page.inline(d.text, d.name)}.'), '')
        if d.name == 'ringcast_callbacks':
            write_callbacks(page, d)
        elif d.fields:
            write_table(page, [(code, page.inline(text, d.name)) for _, code, text in d.fields],
                        (f'struct {d.name}', 'what'))
    thread = thread_of(group, section)
    if functions and thread:
        page.add(thread, '')


def write_index(page, sections):
    page.add('## Index', '')
    for section in sections:
        names = [d.name for group in section.groups for d in group.declarations if d.kind != 'constant']
        callbacks = [name for group in section.groups for d in group.declarations
                     if d.name == 'ringcast_callbacks' for name, _, _ in d.fields]
        items = ' · '.join(f'[`{name}`](#{name})' for name in names + callbacks)
        page.add(f'- **[{section.title}](#{link_of(section)})**: {items}')
    page.add('')


def write_page(header):
    overview, sections = read_header(header)
    problems = check(sections)
    if problems:
        raise HeaderError('\n'.join(problems))
    page = Page(sections)
    page.add('<!-- Made from ringcast.h by scripts/gen_reference.py: change it there. -->', '',
             '# The library: reference', '')
    page.text(overview)
    write_index(page, sections)
    for section in sections:
        page.add(f'## {section.title}', '')
        page.text(section.text)
        for group in section.groups:
            write_group(page, group, section)
    return re.sub(r'\n{3,}', '\n\n', '\n'.join(page.lines)).strip() + '\n'


def main(arguments):
    only_check = '--check' in arguments
    rest = [a for a in arguments if a != '--check']
    root = Path(rest[0] if rest else Path(__file__).parent.parent)
    target = root / TARGET
    try:
        page = write_page((root / HEADER).read_text(encoding='utf-8'))
    except HeaderError as error:
        print('\n'.join(f'{HEADER}: {line}' for line in str(error).splitlines()))
        return 1
    if not only_check:
        target.write_text(page, encoding='utf-8')
        return 0
    if target.is_file() and target.read_text(encoding='utf-8') == page:
        return 0
    print(f'{TARGET} is not what {HEADER} says: run scripts/gen_reference.py')
    return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
