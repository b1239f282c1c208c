"""Sentences of the page, and the command's sentences in the page's words."""

from __future__ import annotations

import re

OTHER_HOST = "This page answers to 127.0.0.1 and localhost only."
OTHER_SITE = "Another site cannot change anything here. Use the page itself."
NO_COOKIE = "This page belongs to the person who started it. Start ordersheet web again: it opens the page."
WENT_WRONG = "Something went wrong in the page itself, and nothing was sent by it. Go back and try again."
NOT_THERE = "There is nothing at this address. It may have been removed."
NO_FILE_CHOSEN = "No file was chosen. Choose a spreadsheet, or drop one here."
EMPTY_FILE = "The file {name} has 0 bytes. Save it again where it comes from, then choose it here."
TOO_LARGE = "The file is larger than {limit}. Split it, or save it as CSV, and choose it again."
DISK_FULL = "The file could not be kept: {reason}. Make room on the disk, then choose it again."
SERVER_ENDED = "The page's server ended before this was sent. Nothing of it was sent; send it again."
TAKEN_BACK = "This was taken out of the line before its turn. Nothing of it was sent."
FORGOTTEN = "The file was removed before its turn. Nothing was sent; choose it again."
RUN_BROKE = (
    "The run ended by a fault in the program itself. What was sent is in the ledger: send again, and what is "
    "done is left as it is."
)
FORM_TOO_LARGE = "That is more than a form of this page can hold. Go back, and send less at once."
NO_LENGTH = "The browser did not say how large the file is. Choose it again."
NOTHING_TO_SEND = "Nothing of this sheet can be sent as it stands. Look at it once more."
NO_SANDBOX = "The sandbox did not start within 30 seconds. Try again."
UNKNOWN_FIELD = "{text} is no field. Choose one of the list, or give the attribute a key."
NOT_THE_TEXT = "This cell was removed from the page meanwhile. Reload the page."
NOT_FINISHED = "Not finished: the server ended while this run was under way. Go on to send the rest."

_PHRASES = (
    ("Not among the rows that --rows chose.", "Unticked in the page."),
    ("Hidden in the sheet, and skipped as --hidden skip says.", "Hidden in the sheet, and left out."),
    (
        "or decide: --hidden skip leaves them out, --hidden include sends them.",
        'or decide under "Rows": "Leave out" or "Include".',
    ),
    ("or decide with --hidden.", 'or decide under "Rows": "Leave out" or "Include".'),
    ("hidden, and --hidden skip leaves it out", "hidden, and left out"),
    ("or say which one it is with --mapping.", 'or choose one under "Columns".'),
    ("Say which one with --sheet, for example ", 'Choose one under "Columns", for example '),
    ("with --encoding", 'under "Columns"'),
    ("with --delimiter", 'under "Columns"'),
    (', leave one out with --only-columns, or map one to "" in a mapping file.', " or do not send one."),
    ("or say so with --allow-empty.", "then choose it again."),
    (" Where that is meant to happen, add --allow-empty.", ""),
    ('A mapping file can say type = "bool" or "bool01".', ""),
    ("or run: ordersheet setup", "or set it up under Settings."),
    ("Give it with --base-url, in ORDERSHEET_BASE_URL or in a profile, ", "Give it in ORDERSHEET_BASE_URL, "),
    ("or go on without --online.", "or go on without."),
    ("add --same-store once", 'press "It is the same shop"'),
    (
        (
            "Add --trust-report to leave those as they are that nobody changed since, or --again if they are "
            "meant once more."
        ),
        'Press "Leave those that nobody changed".',
    ),
    ("add --trust-report all", 'press "Leave all of them"'),
)
"""What a sentence says to a terminal, and what it says in the page instead."""
_COMMANDS = (
    (re.compile(r"if the text is there: ordersheet resolve \S+ --row \d+ applied, if not: .*?absent\."),
     'if the text is there, press "It was applied", if not, "It was not".'),
    (re.compile(r"then ordersheet resolve \S+ --row \d+ applied, or absent\."),
     'then press "It was applied" or "It was not".'),
    (re.compile(r"--sheet (\"[^\"]*\")"), r"\1"),
)  # fmt: skip


def in_page_words(text: str) -> str:
    """Give a sentence of the pipeline with the page's controls where it names options of the command."""
    if "--" not in text and "ordersheet " not in text:
        return text
    for told, said in _PHRASES:
        text = text.replace(told, said)
    for pattern, said in _COMMANDS:
        text = pattern.sub(said, text)
    return text
