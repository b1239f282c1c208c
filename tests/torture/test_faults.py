"""Every kind of fault that a server can show, one by one and all together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.oracle import ELSEWHERE
from tests.support.oracle_check import Findings
from tests.support.oracle_plan import GET_FAULTS, PUSH_BACKS, PUT_FAULTS, REDIRECTS, REFUSALS, Plan
from tests.support.torture import LATE, mixed_rows

SLOW = ("stall, applied", "stall, not applied")


def outcomes(desk, ended) -> list[str]:
    findings = Findings()
    lines = desk.lines(ended, findings)
    assert findings.kept, findings
    return [line.outcome for line in lines]


QUICK = sorted({*PUT_FAULTS, *REFUSALS}.difference(SLOW))


def some_kinds(yard, kinds: tuple[str, ...]) -> tuple[tuple[str, ...], list[str], Findings]:
    plan = Plan(seed=1, share=0.4, kinds=kinds, late=LATE, stall=4.0)
    desk = yard.desk("kinds-" + "-".join(kinds).replace(" ", "_"), mixed_rows(8, 21), plan)
    ended = desk.send("--timeout", "0.8", "--attempts", "12")
    first = outcomes(desk, ended)
    yard.oracle.plan(desk.shop, Plan())
    desk.finish("--retry-no")
    # A refused row holds back nothing, so a text that is asked for again goes below later ones.
    return kinds, first, desk.findings(history="refused" in kinds)


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param([tuple(QUICK[at::8]) for at in range(8)], id="mixed"),
        pytest.param([(kind,) for kind in QUICK], id="alone", marks=pytest.mark.torture),
        pytest.param(
            [(kind,) for kind in sorted({*PUSH_BACKS, *SLOW})], id="slow", marks=pytest.mark.torture
        ),
    ],
)
def test_faults_are_told_truly_and_mended(yard, groups):
    with ThreadPoolExecutor(4) as pool:
        for kinds, first, findings in pool.map(lambda kinds: some_kinds(yard, kinds), groups):
            assert findings.kept, (kinds, findings)
            assert "unconfirmed" not in first, (kinds, first)


@pytest.mark.parametrize(
    ("number", "seed"), [(120, 1), *(pytest.param(1500, seed, marks=pytest.mark.torture) for seed in (2, 3))]
)
def test_a_fifth_of_faults_of_every_kind_leaves_no_row_unconfirmed(yard, number, seed):
    kinds = tuple(kind for kind in PUT_FAULTS if number > 120 or kind not in SLOW)
    plan = Plan(seed=seed, share=0.2, kinds=kinds, get_share=0.2, late=LATE, stall=4.0)
    if number == 120:
        plan.get_kinds = tuple(kind for kind in GET_FAULTS if kind != "stall")
    desk = yard.desk(f"fifth-{number}-{seed}", mixed_rows(number, seed), plan)
    # What an attribute holds cannot be read: five faults in a row, one time in 3,000, would leave a doubt.
    ended = desk.send("--timeout", "1", "--concurrency", "32", "--attempts", "12")
    assert ended.code in (0, 1), ended.output
    assert "unconfirmed" not in outcomes(desk, ended)
    yard.oracle.plan(desk.shop, Plan())
    desk.finish()
    assert desk.findings().kept


@pytest.mark.parametrize("kind", [kind for kind in REDIRECTS if "307" in kind or "302" in kind])
def test_a_redirect_stops_the_run_and_nobody_elsewhere_sees_the_key(yard, kind):
    desk = yard.desk(
        f"kind-{kind.replace(' ', '_')}", mixed_rows(8, 22), Plan(seed=1, share=0.5, kinds=(kind,))
    )
    ended = desk.send()
    assert ended.code == 3, ended.output
    assert not (yard.oracle.folder / f"{ELSEWHERE}.jsonl").exists()
    assert desk.findings(finished=False).kept
    yard.oracle.plan(desk.shop, Plan())
    desk.finish()
    assert desk.findings().kept
