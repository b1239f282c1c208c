"""The statements of runs that were submitted, and of their chunks."""

from __future__ import annotations

from sqlalchemy import and_, func, null, select, update

from ordersheet.core.model import Outcome
from ordersheet.ledger.compiled import ONE, ZERO, bind, compiled, constant, insert
from ordersheet.ledger.schema import chunk, file_part, process, row, run, store, submission

OF_RUN = compiled(
    select(
        submission.c.version,
        submission.c.settings,
        submission.c.place,
        submission.c.stopped,
        submission.c.stopped_by,
        submission.c.message,
        run.c.finished,
    )
    .join(run, run.c.id == submission.c.run_id)
    .where(submission.c.run_id == bind("run"))
)
_chunk_is = and_(chunk.c.run_id == bind("run"), chunk.c.number == bind("number"))
ADD_CHUNK = compiled(
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
ADD_PART = compiled(insert(file_part).values(run_id=bind("run"), number=bind("number"), data=bind("data")))
PARTS = compiled(
    select(file_part.c.number, file_part.c.data)
    .where(file_part.c.run_id == bind("run"), file_part.c.number > bind("after"))
    .order_by(file_part.c.number)
    .limit(ONE)
    .offset(ZERO)
)
ADD = compiled(
    insert(submission).values(
        {name: bind(name) for name in ("run_id", "version", "settings", "place", "message")}
    )
)
_open = chunk.c.state.in_([constant("waiting"), constant("taken")])
CURRENT_TURN = compiled(
    select(func.min(chunk.c.turn))
    .join(run, run.c.id == chunk.c.run_id)
    .join(submission, submission.c.run_id == run.c.id)
    .where(run.c.store_id == bind("store"), chunk.c.content.is_not(None), _open)
)
LINE_UP = compiled(
    update(chunk).where(chunk.c.run_id == bind("run")).values(turn=chunk.c.turn + bind("turn"))
)
SAME = compiled(
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
OF_CONTENT = compiled(
    select(run.c.name, run.c.input)
    .join(submission, submission.c.run_id == run.c.id)
    .where(run.c.sha256 == bind("sha256"))
    .order_by(run.c.id.desc())
)
CHUNK = compiled(
    select(
        *(chunk.c[name] for name in ("state", "process_id", "tries", "progress", "turn", "content")),
        process.c.lock,
    )
    .outerjoin(process, process.c.id == chunk.c.process_id)
    .where(_chunk_is)
)
TAKE = compiled(
    update(chunk)
    .where(_chunk_is)
    .values(state=constant("taken"), process_id=bind("me"), tries=bind("tries"), progress=bind("progress"))
)
GIVE_BACK = compiled(
    update(chunk)
    .where(_chunk_is, chunk.c.process_id == bind("me"))
    .values(state=constant("waiting"), process_id=ZERO, tries=chunk.c.tries - bind("uncounted"))
)
END = compiled(update(chunk).where(_chunk_is).values(state=bind("state"), process_id=ZERO, content=null()))
STATES = compiled(
    select(chunk.c.state, func.count()).where(chunk.c.run_id == bind("run")).group_by(chunk.c.state)
)
OPEN_OF_RUN = compiled(
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
ALL_OPEN = compiled(_open_chunks.limit(bind("most")).offset(ZERO))
OPEN_IN_TURN = compiled(_open_chunks.where(chunk.c.run_id == bind("run")))
STOP = compiled(
    update(submission)
    .where(submission.c.run_id == bind("run"), submission.c.stopped.is_(None))
    .values(stopped=bind("now"), stopped_by=bind("stopped_by"), message=bind("message"))
)
REQUESTS = compiled(select(run.c.counts).where(run.c.part_of == bind("run"), run.c.counts.is_not(None)))
_NOT_NO = {*filter(lambda outcome: outcome.ok, Outcome), Outcome.INVALID, Outcome.NOTHING_TO_UPDATE}
NO_ROWS = compiled(
    select(func.count())
    .select_from(row)
    .where(
        row.c.run_id == bind("run"),
        row.c.left_out == ZERO,
        row.c.outcome.in_([constant(outcome.value) for outcome in Outcome if outcome not in _NOT_NO]),
    )
)
PROCESSES = compiled(select(process.c.lock))
NEWEST = compiled(
    select(func.max(submission.c.version))
    .join(run, run.c.id == submission.c.run_id)
    .where(run.c.finished.is_(None))
)
