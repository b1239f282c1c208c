"""What the mutation run takes out of delivery."""

from __future__ import annotations

from tests.torture.mutant import Mutant

KILLS = "tests/torture/test_kills.py"
FAULTS = "tests/torture/test_faults.py"
GUARDS = "tests/model/test_guards.py"
RULES = "tests/torture/test_worlds_by_rule.py"
DELIVER = "tests/unit/delivery/test_deliver.py"
PROMISE = "tests/unit/delivery/test_deliver_promise.py"
MACHINE = "tests/unit/delivery/test_order_machine.py"
READING = "tests/unit/delivery/test_deliver_reading.py"
CLOCK = "tests/unit/delivery/test_clock.py"
OUTAGES = "tests/unit/delivery/test_deliver_outages.py"
PROOF = "tests/unit/delivery/test_proof.py"
BY_PAGES = "tests/unit/delivery/test_baselines_by_pages.py"
PAGE_TRUST = "tests/unit/delivery/test_page_trust.py"
VERDICT = "tests/unit/delivery/test_verdict_put.py"
TRANSPORT = "tests/integration/test_transport_contract.py"
GUARDED_ROWS = "tests/unit/delivery/test_guarded_rows.py"
UNDO_PROMISE = "tests/unit/delivery/test_undo_promise.py"

MUTANTS = (
    Mutant(
        "no write-ahead",
        "delivery/lane.py",
        "        durable = await self.flush()\n",
        "        durable = True\n",
        KILLS,
        DELIVER,
    ),
    Mutant(
        "no settle wait after an unknown attempt",
        "delivery/read_back.py",
        "self.clear_at = now.seconds + self._run.options.settle",
        "self.clear_at = now.seconds",
        f"{RULES}::test_what_still_arrives_within_settle_is_not_sent_a_second_time",
        PROMISE,
    ),
    Mutant(
        "no settle wait after an adoption",
        "delivery/read_back.py",
        "left = max(0.0, self._run.options.settle - (doubt.heard_ago or 0.0))",
        "left = 0.0",
        f"{RULES}::test_what_a_killed_run_had_under_way_is_not_sent_beside_it",
        MACHINE,
    ),
    Mutant(
        "no check of the order in answers",
        "delivery/verdict/put.py",
        "return self.answer is not None and self.answer.order == self.order",
        "return self.answer is not None",
        f"{RULES}::test_an_ok_that_speaks_of_another_order_says_nothing_of_this_one",
        VERDICT,
    ),
    Mutant(
        "a sleep of the computer counts as time in which the server failed",
        "delivery/clock.py",
        "self._slept += max(0.0, now - self._looked - LONGEST_GAP)",
        "self._slept += 0.0",
        f"{OUTAGES}::test_a_computer_that_sleeps_amid_a_run_goes_on_when_it_wakes",
        CLOCK,
    ),
    Mutant(
        "redirects are followed",
        "delivery/transport/base.py",
        "            await seen.read(await self._engine.handle_async_request(request), self._headers.hide)\n",
        "            await seen.read(await self._engine.handle_async_request(request), self._headers.hide)\n"
        '            if "location" in seen.headers:\n'
        '                await self._exchange(method, seen.headers["location"], body, Exchange(), 9.0)\n',
        FAULTS,
        TRANSPORT,
    ),
    Mutant(
        "a redirect does not stop the run",
        "delivery/verdict/put.py",
        "        stop=line.stop or stop_by_status(observation),\n        drop_connection",
        "        stop=None,\n        drop_connection",
        FAULTS,
        VERDICT,
    ),
    Mutant(
        "no baseline",
        "delivery/baseline.py",
        "part.baseline = held if trusted else None",
        "part.baseline = None",
        FAULTS,
        READING,
    ),
    Mutant(
        "the baseline is not compared",
        "delivery/verdict/proof.py",
        "    before, after = normalise(baseline), normalise(now)\n    if before == after and not others:",
        '    before, after = "", normalise(now)\n    if before == after and not others:',
        FAULTS,
        PROOF,
    ),
    Mutant(
        "a page counts whatever it shows",
        "delivery/verdict/page_trust.py",
        "return frozenset() if self.off else frozenset(proven)",
        "return frozenset(self._fields)",
        f"{RULES}::test_a_list_that_proves_itself_nowhere_is_not_taken_for_the_one_before",
        PAGE_TRUST,
    ),
    Mutant(
        "a page serves however long the text is",
        "delivery/verdict/page_trust.py",
        "larger = self.chars > size.chars and",
        "larger = True or self.chars > size.chars and",
        f"{RULES}::test_the_one_order_that_a_list_cuts_is_not_taken_for_ours",
        PAGE_TRUST,
    ),
    Mutant(
        "a page keeps rows from being sent",
        "delivery/page_readings.py",
        "if whole and not self._decides(row, view):",
        "if whole:",
        f"{RULES}::test_what_a_list_shows_of_another_order_keeps_no_row_from_being_sent",
        BY_PAGES,
    ),
    Mutant(
        "a baseline may be of any age",
        "delivery/latest_reading.py",
        "return self.view is not None and self._at < now.seconds + STOOD_STILL - FRESH",
        "return self.view is None and self._at < now.seconds + STOOD_STILL - FRESH",
        f"{RULES}::test_what_somebody_adds_while_a_row_waits_is_not_taken_for_ours",
        BY_PAGES,
    ),
    Mutant(
        "a 500 counts as not applied",
        "delivery/verdict/put.py",
        '        "any 5xx",\n        lambda seen: HTTPStatus.INTERNAL_SERVER_ERROR'
        " <= seen.status < _END,\n        _U,",
        '        "any 5xx",\n        lambda seen: HTTPStatus.INTERNAL_SERVER_ERROR'
        " <= seen.status < _END,\n        _N,",
        f"{RULES}::test_what_still_arrives_within_settle_is_not_sent_a_second_time",
        VERDICT,
    ),
    Mutant(
        "guards are not compared",
        "delivery/guards.py",
        "        if not guard_holds(",
        "        if False and not guard_holds(",
        f"{GUARDS}::test_nobody_s_text_is_written_over_whenever_it_comes",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard knows nothing of what its own file has done",
        "delivery/verdict/guard.py",
        " or _gone_on(expected, held, asks, history, batch)",
        "",
        f"{GUARDS}::test_a_file_is_sent_once_and_goes_on_after_a_kill_at_any_moment",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard counts what another batch did as its own file's",
        "delivery/verdict/guard.py",
        "    if batch is not None and entry.batch != batch:\n        return None\n",
        "",
        f"{GUARDS}::test_what_another_batch_did_is_somebody_s_text_and_what_its_own_did_is_not",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard that does not hold stops its row alone",
        "delivery/rows.py",
        "            earlier = self._book.waits_for(update.row)\n",
        "            earlier = None\n",
        f"{GUARDS}::test_unguarded_rows_beside_guarded_ones_stand_once",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard holds where nobody could look",
        "delivery/guards.py",
        "            return Outcome.NOT_SENT, messages.guard_not_shown(guard.field)\n",
        "            continue\n",
        f"{GUARDS}::test_no_guarded_row_goes_out_where_nobody_can_look",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard is judged by a reading of some time ago",
        "delivery/guards.py",
        "GUARD_FRESH = 5.0",
        "GUARD_FRESH = 5000.0",
        f"{RULES}::test_no_guarded_overwrite_leaves_long_after_its_reading",
        GUARDED_ROWS,
    ),
    Mutant(
        "a cut comment counts as a whole one",
        "delivery/guards.py",
        "    return held if trusted and not run.trust[field].looks_cut(held) else None\n",
        "    return held\n",
        f"{RULES}::test_no_guarded_row_goes_out_where_a_reading_shows_less_than_stands",
        GUARDED_ROWS,
    ),
    Mutant(
        "what is unchanged does not stand in the history",
        "delivery/order_notes.py",
        "        self.events.append(There(self._order, part.ask, now.utc))\n",
        "",
        f"{GUARDS}::test_what_stands_there_already_is_sent_neither_now_nor_by_a_later_run",
        GUARDED_ROWS,
    ),
    Mutant(
        "an undo in doubt is not looked up",
        "delivery/undoing/machine.py",
        "            part.to_look_up = True\n",
        "            part.to_look_up = False\n",
        f"{UNDO_PROMISE}::test_with_nobody_else_writing_every_field_is_what_it_was",
        UNDO_PROMISE,
    ),
    Mutant(
        "an undo puts back what may have been cut",
        "delivery/undoing/machine.py",
        "        if plan.walk.whole or ",
        "        if True or ",
        f"{UNDO_PROMISE}::test_an_undo_puts_back_all_of_what_stood_there_or_nothing",
        f"{UNDO_PROMISE}::test_what_the_shop_cuts_is_not_put_back",
    ),
)
