"""The statements of runs that were submitted, and of their chunks."""

from __future__ import annotations

from sqlalchemy import and_, delete, func, null, or_, select, update

from ordersheet.core.model import Outcome
from ordersheet.ledger.compiled import ONE, ZERO, Statement, bind, constant, insert
from ordersheet.ledger.schema import chunk, file_part, process, row, run, store, submission

BEING_HANDED_OVER = 0
"""The part of a run that is not handed over yet: nobody sees it."""
OF_RUN = Statement(
    select(
        submission.c.version,
        submission.c.settings,
        submission.c.stopped,
        submission.c.stopped_by,
        submission.c.message,
        run.c.finished,
    )
    .join(run, run.c.id == submission.c.run_id)
    .where(submission.c.run_id == bind("run"))
)
_chunk_is = and_(chunk.c.run_id == bind("run"), chunk.c.number == bind("number"))
ADD_CHUNK = Statement(
    insert(chunk).values(
        run_id=bind("run"),
        number=bind("number"),
        turn=bind("number"),
        state=constant("waiting"),
        process_id=ZERO,
        tries=ZERO,
        progress=ZERO,
        content=bind("content"),
    )
)
SHOW = Statement(update(run).where(run.c.id == bind("run")).values(part=null()))
HIDDEN = Statement(
    select(run.c.id, process.c.lock)
    .outerjoin(process, process.c.id == run.c.process_id)
    .where(run.c.part_of.is_(None), run.c.part == constant(BEING_HANDED_OVER))
)
TAKE_AWAY = tuple(
    Statement(delete(table).where(table.c[name] == bind("run")))
    for table, name in ((row, "run_id"), (chunk, "run_id"), (file_part, "run_id"), (run, "id"))
)
ADD_PART = Statement(insert(file_part).values(run_id=bind("run"), number=bind("number"), data=bind("data")))
PARTS = Statement(
    select(file_part.c.number, file_part.c.data)
    .where(file_part.c.run_id == bind("run"), file_part.c.number > bind("after"))
    .order_by(file_part.c.number)
    .limit(ONE)
    .offset(ZERO)
)
ADD = Statement(
    insert(submission).values(
        {name: bind(name) for name in ("run_id", "version", "settings", "rows", "message")}
    )
)
_open = chunk.c.state.in_([constant("waiting"), constant("taken")])
CURRENT_TURN = Statement(
    select(func.min(chunk.c.turn))
    .join(run, run.c.id == chunk.c.run_id)
    .join(submission, submission.c.run_id == run.c.id)
    .where(run.c.store_id == bind("store"), chunk.c.content.is_not(None), _open)
)
LINE_UP = Statement(
    update(chunk).where(chunk.c.run_id == bind("run")).values(turn=chunk.c.turn + bind("turn"))
)
SAME = Statement(
    select(run.c.name)
    .join(submission, submission.c.run_id == run.c.id)
    .join(store, store.c.id == run.c.store_id)
    .where(
        store.c.name == bind("store"),
        run.c.sha256 == bind("sha256"),
        run.c.batch.is_not_distinct_from(bind("batch")),
        run.c.finished.is_(None),
    )
)
OF_CONTENT = Statement(
    select(run.c.name, run.c.input)
    .join(submission, submission.c.run_id == run.c.id)
    .where(run.c.sha256 == bind("sha256"))
    .order_by(run.c.id.desc())
)
CHUNK = Statement(
    select(
        *(chunk.c[name] for name in ("state", "process_id", "tries", "progress", "turn", "content")),
        process.c.lock,
    )
    .outerjoin(process, process.c.id == chunk.c.process_id)
    .where(_chunk_is)
)
TAKE = Statement(
    update(chunk)
    .where(_chunk_is)
    .values(state=constant("taken"), process_id=bind("me"), tries=bind("tries"), progress=bind("progress"))
)
GIVE_BACK = Statement(
    update(chunk)
    .where(_chunk_is, chunk.c.process_id == bind("me"))
    .values(state=constant("waiting"), process_id=ZERO, tries=chunk.c.tries - bind("uncounted"))
)
END = Statement(update(chunk).where(_chunk_is).values(state=bind("state"), process_id=ZERO, content=null()))
STATES = Statement(
    select(chunk.c.state, func.count()).where(chunk.c.run_id == bind("run")).group_by(chunk.c.state)
)
OPEN_OF_RUN = Statement(
    select(chunk.c.number, chunk.c.state, process.c.lock)
    .outerjoin(process, process.c.id == chunk.c.process_id)
    .where(chunk.c.run_id == bind("run"), _open)
    .order_by(chunk.c.number)
)
_open_chunks = (
    select(
        *(run.c.name, chunk.c.number, chunk.c.turn, store.c.name, chunk.c.state),
        process.c.lock,
        run.c.started,
    )
    .select_from(
        chunk.join(run, run.c.id == chunk.c.run_id)
        .join(submission, submission.c.run_id == run.c.id)
        .join(store, store.c.id == run.c.store_id)
        .outerjoin(process, process.c.id == chunk.c.process_id)
    )
    .where(chunk.c.content.is_not(None), _open)
    .order_by(chunk.c.turn, chunk.c.run_id)
)
ALL_OPEN = Statement(
    _open_chunks.where(submission.c.version <= bind("version")).limit(bind("most")).offset(ZERO)
)
OPEN_IN_TURN = Statement(_open_chunks.where(chunk.c.run_id == bind("run")))
STOP = Statement(
    update(submission)
    .where(submission.c.run_id == bind("run"), submission.c.stopped.is_(None))
    .values(stopped=bind("now"), stopped_by=bind("stopped_by"), message=bind("message"))
)
REQUESTS = Statement(select(run.c.counts).where(run.c.part_of == bind("run"), run.c.counts.is_not(None)))
_NOT_NO = {*filter(lambda outcome: outcome.ok, Outcome), Outcome.INVALID, Outcome.NOTHING_TO_UPDATE}
_others_open = select(chunk.c.run_id).where(
    chunk.c.run_id == run.c.part_of,
    chunk.c.number == run.c.part,
    chunk.c.number != bind("except"),
    chunk.c.content.is_not(None),
)
_latest_tries = select(func.max(run.c.id)).where(run.c.part_of == bind("run")).group_by(run.c.part)
NO_ROWS = Statement(
    select(func.count())
    .select_from(row.join(run, run.c.id == row.c.run_id))
    .where(
        or_(
            row.c.run_id == bind("run"),
            and_(run.c.part_of == bind("run"), run.c.id.in_(_latest_tries), _others_open.exists()),
        ),
        row.c.left_out == ZERO,
        row.c.outcome.in_([constant(outcome.value) for outcome in Outcome if outcome not in _NOT_NO]),
    )
)
"""Of chunks that are not at their end, what their latest tries have told so far counts, too."""
NEWEST = Statement(
    select(func.max(submission.c.version))
    .join(run, run.c.id == submission.c.run_id)
    .where(run.c.finished.is_(None))
)
