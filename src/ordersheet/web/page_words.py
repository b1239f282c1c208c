"""The command's sentences in the page's words: a control of the page where they name an option or a command.

What no control of the page can do is said as the setting that it is, so that nobody is sent to a terminal
without need; tests/unit/web/test_page_words.py looks at every sentence that the rooms below can say.
"""

from __future__ import annotations

import re

from ordersheet.config.options import OPTIONS

_PHRASES = (
    ("Not among the rows that --rows chose.", "Unticked in the page."),
    ("None of the rows that --rows names is a data row.", "Every row is unticked. Tick one at least."),
    ("Hidden in the sheet, and skipped as --hidden skip says.", "Hidden in the sheet, and left out."),
    (
        "or decide: --hidden skip leaves them out, --hidden include sends them.",
        'or decide under "Rows": "Leave out" or "Include".',
    ),
    ("or decide with --hidden.", 'or decide under "Rows": "Leave out" or "Include".'),
    ("hidden, and --hidden skip leaves it out", "hidden, and left out"),
    ("or say which one it is with --mapping.", "or choose one below."),
    ("Say which one with --sheet, for example ", 'Choose one under "Columns", for example '),
    ("Leave --sheet out.", 'Choose no sheet under "Columns".'),
    ("with --encoding", 'under "Columns"'),
    ("with --delimiter", 'under "Columns"'),
    (', leave one out with --only-columns, or map one to "" in a mapping file.', " or do not send one."),
    (' (--only-columns, or "" in a mapping file, leaves a column out)', ""),
    ("or say so with --allow-empty.", "then choose it again."),
    (" Where that is meant to happen, add --allow-empty.", ""),
    ('A mapping file can say type = "bool" or "bool01".', ""),
    (
        'map a column, or give a text for all rows with --set internalComment="…".',
        'choose under "Columns" what a column feeds.',
    ),
    ("or run: ordersheet setup", "or set it up under Settings."),
    ("Run: ordersheet setup", "Set it up under Settings."),
    (
        "Start one in another terminal with: ordersheet sandbox",
        'Press "Practise with the sandbox" under Settings.',
    ),
    ("Give it with --base-url, in ORDERSHEET_BASE_URL or in a profile, ", "Give it in ORDERSHEET_BASE_URL, "),
    (", or add --allow-http where the way is private.", "."),
    ("or go on without --online.", "or go on without."),
    ("add --same-store once", 'press "It is the same shop"'),
    ("add --same-file.", 'press "Send it all the same".'),
    (
        (
            "Add --trust-report to leave those as they are that nobody changed since, or --again if they are "
            "meant once more."
        ),
        'Press "Leave those that nobody changed".',
    ),
    ("add --trust-report all", 'press "Leave all of them"'),
    ("; --trust-report leaves it so.", "; it is left as it is."),
    ("(ordersheet runs shows it)", '("Runs" shows it)'),
    ("See them all with: ordersheet runs", 'See them all under "Runs".'),
    ("See the runs of all with: ordersheet runs", 'See the runs of all under "Runs".'),
    ("See them with: ordersheet check", 'See them under "Rows".'),
    ("Run ordersheet doctor;", 'Press "Try" under Settings;'),
    ("ordersheet doctor tells more", '"Try" under Settings tells more'),
    ("(--proxy, ORDERSHEET_PROXY, or proxy in the profile)", "(the setting “proxy”)"),
    ("send the same file again with --retry-no.", 'press "Ask again" beside its counts, and send it.'),
    ("--retry-no asks again.", '"Ask again" beside the sheet\'s counts does.'),
    ("--again adds it again.", '"Send them once more" beside the sheet\'s counts adds it again.'),
    ("send with --again.", 'press "Send them once more" beside the sheet\'s counts.'),
    ("with the unfinished --again run", "with the unfinished run, meant once more,"),
    ("and --duplicates refuse stands. Delete them, or choose --duplicates skip or send.",
     "and the setting “duplicates” refuses that. Delete them."),
    ("Put it back, then run: ordersheet report last", 'Put it back, then press "Download sheet" again.'),
    ("Free some room or choose another place, then run `ordersheet report last`.",
     'Free some room, then press "Download sheet" again.'),
)  # fmt: skip
"""What a sentence says to a terminal, and what it says in the page instead."""
_COMMANDS = (
    (re.compile(r"; if (.+?): ordersheet resolve \S+ --row \d+ applied, if not: .*?absent\.$"),
     r'; if \1, press "It was applied", if not, "It was not".'),
    (re.compile(r"Undo that run first: ordersheet undo \S+"), "Undo that run first, on its own page."),
    (re.compile(r"then ordersheet resolve \S+ --row \d+ applied, or absent\."),
     'then press "It was applied" or "It was not".'),
    (re.compile(r"Settle each by its own run and row: (.*)\."), r"Settle each in its own run: \1."),
    (re.compile(r"See how far it is with: ordersheet show \S+"), 'See how far it is under "Runs".'),
    (re.compile(r"(\S+) --row (\d+)"), r"\1 row \2"),
    (re.compile(r"^ +--encoding (\S+) +", re.MULTILINE), r"\1 "),
    (re.compile(r"say --encoding (\S+)\.$"), r'choose \1 as the encoding under "Columns".'),
    (re.compile(r"--encoding (\S+) reads"), r"\1 reads"),
    (re.compile(r"--sheet (\"[^\"]*\")"), r"\1"),
)  # fmt: skip
_NAMES = "|".join(sorted((option.name.replace("_", "-") for option in OPTIONS), key=len, reverse=True))
_OPTION = re.compile(rf'"[^"\n]*"|--(?:no-)?({_NAMES})\b')
"""What is quoted is a cell's own text, and stays as it is."""


def in_page_words(text: str) -> str:
    """Give a sentence of the pipeline with the page's controls where it names options of the command."""
    if "--" not in text and "ordersheet " not in text:
        return text
    for told, said in _PHRASES:
        text = text.replace(told, said)
    for pattern, said in _COMMANDS:
        text = pattern.sub(said, text)
    return _OPTION.sub(lambda found: f"the setting “{found[1]}”" if found[1] else found[0], text)
