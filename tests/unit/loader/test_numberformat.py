from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.styles.numbers import BUILTIN_FORMATS as OPENPYXL_FORMATS

from ordersheet.core.model import CellKind
from ordersheet.loader.numberformat.render import BUILTIN_FORMATS, LONG_NUMBER, compile_format

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no time zones

SHOWN = [
    # General: eleven signs at most, then a power of ten
    ("General", 0, "0"),
    ("General", 83651.0, "83651"),
    ("General", -5, "-5"),
    ("General", 0.1 + 0.2, "0.3"),
    ("General", 12345678901, "12345678901"),
    ("General", 0.00001, "0.00001"),
    ("General", 1e-10, "1E-10"),
    ("General", 1e20, "1E+20"),
    ("", 5, "5"),
    ('General" kg"', -5, "-5 kg"),
    # digits, rounded half up on the decimal digits
    ("0", 0.5, "1"),
    ("0", 2.5, "3"),
    ("0.00", 1.005, "1.01"),
    ("0.00", 2.675, "2.68"),
    # A negative number that rounds to zero has a sign only where the format writes one.
    ("0.00", -0.001, "0.00"),
    ("0%", -0.0008, "0%"),
    ('0.0" kg 1"', -0.01, "0.0 kg 1"),
    ("0.00;-0.00", -0.001, "-0.00"),
    ("0.00E+00", -1e-300, "-1.00E-300"),
    ("General", 4.0947e231, "4.0947E+231"),
    ("0.00E+00", 1.7976931348623157e308, "1.80E+308"),
    ("00000", 123, "00123"),
    ("00000", 1234567, "1234567"),
    ("#.00", 0.5, ".50"),
    ("0.##", 5, "5."),
    ("0.0?", 1.5, "1.5 "),
    ("0#", 5, "05"),
    ("0.#0", 1.5, "1.50"),
    # grouping, scaling, literals
    ("#,##0.00", 1234567.891, "1,234,567.89"),
    ("0,000", 5, "0,005"),
    ("#,##0", 999.5, "1,000"),
    ("0,,", 12345678, "12"),
    ('0.0,"K"', 1234567, "1234.6K"),
    ("# ##0", 1234567, "1234 567"),
    ("# ### ##0", 1234567, "1 234 567"),
    ("(000) 000-0000", 5551234567, "(555) 123-4567"),
    ("000\\-00\\-0000", 123456789, "123-45-6789"),
    ('"#"0', 7, "#7"),
    ("0%", 0.125, "13%"),
    ("0.0%", 0.12345, "12.3%"),
    # currency and accounting
    ("[$€-407] #,##0.00", 1234.5, "€ 1,234.50"),
    ("#,##0.00 [$€-407];[Red]-#,##0.00 [$€-407]", -1234.5, "-1,234.50 €"),
    ("[$-409]#,##0", 1234, "1,234"),
    (BUILTIN_FORMATS[44], 1234.5, " $1,234.50 "),
    (BUILTIN_FORMATS[44], -3, " $(3.00)"),
    (BUILTIN_FORMATS[44], 0, " $-   "),
    ('"$"#,##0.00', -5, "-$5.00"),
    # scientific
    ("0.00E+00", 12345, "1.23E+04"),
    ("0.00E+00", 0, "0.00E+00"),
    ("0.00E+00", 9.999, "1.00E+01"),
    ("0.0E-0", 0.00012, "1.2E-4"),
    ("0.0E-0", 12, "1.2E1"),
    ("##0.0E+0", 12345, "12.3E+3"),
    ("##0.0E+0", 999950, "1.0E+6"),
    # sections and conditions
    ("0;(0)", -5, "(5)"),
    ("0;(0);zero".replace("zero", '"zero"'), 0, "zero"),
    ('"yes";"no";"none"', -1, "no"),
    ('[>=1000]0.0,"K";0', 1500, "1.5K"),
    ('[>=1000]0.0,"K";0', 999, "999"),
    ('[<10]"few";[<100]"some";"many"', 500, "many"),
    ('[=1]"one";0', 1, "one"),
    ("[Color 10]0;[BLUE]-0", 5, "5"),
    ("@", 5, "5"),
    ("0;-0;;@", 5, "5"),
    # lengths of time are numbers
    ("[h]:mm:ss", 1.5, "36:00:00"),
    ("[h]:mm", 1.0208333333, "24:30"),
    ("[mm]:ss.00", 0.5, "720:00.00"),
    ("[ss]", 0.5, "43200"),
    ('[h]" h "mm" min"', 0.5, "12 h 00 min"),
]

DATES = [
    ("yyyy-mm-dd", 46349, "2026-11-23"),
    ("mm-dd-yy", 46349.75, "2026-11-23"),
    ("[$-407]d. mmmm yyyy;@", 46349, "2026-11-23"),
    ("[$-F800]dddd\\, mmmm dd\\, yyyy", 46349, "2026-11-23"),
    ("[$-411]ge.m.d;@", 46349, "2026-11-23"),
    ("mmm-yy", 46327, "2026-11-01"),
    ("yyyy-mm-dd", 61, "1900-03-01"),
    ("yyyy-mm-dd", 2958465, "9999-12-31"),
    ("yyyy-mm-dd", 46349.9999999999, "2026-11-24"),
    ("h:mm", 0.5729166666666666, "13:45:00"),
    ("h:mm AM/PM", 0.5729166666, "13:45:00"),
    ("mm:ss", 0.5, "12:00:00"),
    ("h:mm", 0, "00:00:00"),
    ("h:mm:ss.000", 0.5000012, "12:00:00.104"),
    ("h:mm:ss", 0.5000012, "12:00:00"),
    ("h:mm:ss", 0.9999999, "00:00:00"),
    ("m/d/yy h:mm", 46349.572916666664, "2026-11-23T13:45:00"),
    ("yyyy-mm-dd\\Thh:mm:ss", 46349.9999999, "2026-11-24T00:00:00"),
]

REFUSED = [
    ("# ?/?", 1.5),
    ("0/100", 1.5),
    ("#", 0),
    ("#,###", 0),
    (";;;", 5),
    ("0;;", -5),
    ("0;;", 0),
    ("[>100]0", 5),
    ("[<0]0;0", -5),
    ("[>5]0;[<1]0", 3),
    ("0*-", 5),
    ("[$-2060401]0", 5),
    ("[DBNum1]0", 5),
    ("TT.MM.JJJJ", 46349),
    ("0 kg", 5),
    ("@", 123456789012),
    ("0@", 5),
    ("00.00E+00", 1209384),
    ("0;0;0;@;0", 5),
    ('0"abc', 5),
    ("0\\", 5),
    ("0.0.0", 5),
    ("yyyy 0", 5),
    ("[h]:mm AM/PM", 0.5),
    ("[h]:ss", 0.5),
    ("h:mm:ss.0000", 0.5),
    ("," + "0", 5),
    ("0" * 1001, 5),
    ("0." + "0" * 31, 5),
]

NO_DATES = [
    ("yyyy-mm-dd", 60),
    ("yyyy-mm-dd", -1),
    ("yyyy-mm-dd", 2958466),
    ("yyyy-mm-dd", 1e300),
    ("m/d/yy h:mm", 0.5),
    ("h:mm", -0.5),
    ("[h]:mm", -0.5),
]


@pytest.mark.parametrize(("code", "value", "shown"), SHOWN)
def test_a_number_is_shown_as_excel_shows_it(code, value, shown):
    assert compile_format(code).render(value) == (shown, CellKind.NUMBER, None)


SHORTENED = [
    ("General", 123456789012, "1.23457E+11"),
    ("General", 99999999999.6, "1E+11"),
    ("General", 1234567.891234, "1234567.891"),
    ("General", 1234567890.12, "1234567890"),
    ("General", 0.123456789012, "0.123456789"),
    ("General", 0.000123456789, "0.000123457"),
    ("General", 0.0000123456789, "1.23457E-05"),
    ("General", 4.09471e231, "4.0947E+231"),
    ("General", 1.7976931348623157e308, "1.7977E+308"),
    ('General" kg"', 7350012345678, "7.35001E+12 kg"),
]


@pytest.mark.parametrize(("code", "value", "shown"), SHORTENED)
def test_a_number_that_general_shortens_is_a_problem(code, value, shown):
    assert compile_format(code).render(value) == (shown, CellKind.NUMBER, LONG_NUMBER)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["General", "0.00", "#,##0", "0%", "0E+00"]),
)
def test_every_number_is_shown_or_a_problem(value, code):
    assert compile_format(code).render(value).text


@pytest.mark.parametrize("code", ["\0", "0\0", '0"\u200b"', "0\x1f"])
def test_a_sign_that_is_not_seen_is_not_shown(code):
    assert compile_format(code).render(5).problem is not None


@pytest.mark.parametrize(("code", "value", "shown"), DATES)
def test_a_date_is_iso_whatever_its_format(code, value, shown):
    assert compile_format(code).render(value) == (shown, CellKind.DATE, None)


@pytest.mark.parametrize(("code", "value"), REFUSED)
def test_what_is_not_on_the_list_is_a_problem_with_the_mend(code, value):
    found = compile_format(code).render(value)
    assert found.kind is CellKind.NUMBER
    assert found.problem is not None
    assert 'as = "value"' in found.problem


@pytest.mark.parametrize(("code", "value"), NO_DATES)
def test_a_number_that_is_no_date_is_refused(code, value):
    found = compile_format(code).render(value)
    assert found.kind is CellKind.DATE
    assert found.problem is not None


def test_the_1904_calendar_begins_four_years_later():
    found = compile_format("yyyy-mm-dd", date1904=True)
    assert found.render(0).text == "1904-01-01"
    assert found.render(2957003).text == "9999-12-31"
    assert found.render(2957004).problem is not None


# In openpyxl's format 44 the semicolons between the sections are missing.
@pytest.mark.parametrize("number", sorted(BUILTIN_FORMATS.keys() - {44}))
@pytest.mark.parametrize("value", [0, 1234.5, -1234.5, 0.25, 46349.75])
def test_formats_without_a_code_show_what_openpyxls_table_shows(number, value):
    ours = compile_format(BUILTIN_FORMATS[number]).render(value)
    theirs = compile_format(OPENPYXL_FORMATS[number]).render(value)
    assert ours[:2] == theirs[:2]
    assert (ours.problem is None) == (theirs.problem is None)


@pytest.mark.parametrize(
    ("code", "text", "shown"),
    [
        ("General", "a", "a"),
        ("0.00", "a", "a"),
        ("@", " a", " a"),
        ('0;0;0;"<"@">"', "a", "<a>"),
        (BUILTIN_FORMATS[44], "a", "a"),
    ],
)
def test_a_text_stands_unless_the_format_has_a_section_for_texts(code, text, shown):
    assert compile_format(code).text(text) == (shown, None)


def test_a_text_that_is_not_shown_is_a_problem():
    assert compile_format(";;;").text("secret")[1] is not None


def fifteen_digits() -> st.SearchStrategy[Decimal]:
    return st.builds(
        lambda digits, power: Decimal(digits).scaleb(power),
        st.integers(-(10**15) + 1, 10**15 - 1),
        st.integers(-12, 2),
    )


@given(fifteen_digits(), st.integers(0, 6), st.booleans())
def test_digits_agree_with_decimal_arithmetic(number, places, grouped):
    code = ("#,##0" if grouped else "0") + ("." + "0" * places if places else "")
    rounded = number.copy_abs().quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    shown = f"{rounded:,f}" if grouped else f"{rounded:f}"
    # Through binary and back: 15 digits survive, which is what a workbook's XML relies on.
    assert compile_format(code).render(float(number)).text == ("-" if number < 0 and rounded else "") + shown


@given(fifteen_digits(), st.integers(0, 6))
def test_literals_between_digits_change_nothing_but_themselves(number, places):
    plain = compile_format("0." + "0" * places + "0").render(float(number)).text
    spaced = compile_format('0"|"."|"0' + '"|"0' * places).render(float(number)).text
    assert spaced.replace("|", "") == plain


@given(fifteen_digits())
def test_general_is_short_and_near(number):
    shown = compile_format("General").render(float(number)).text
    assert len(shown.lstrip("-")) <= 11
    assert abs(Decimal(shown) - number) <= abs(number) * Decimal("0.00001")


@given(st.integers(61, 2958465), st.integers(0, 86399))
def test_every_second_of_the_calendar_is_read_exactly(day, second):
    moment = EPOCH + timedelta(days=day, seconds=second)
    serial = day + second / 86400
    assert compile_format("m/d/yy h:mm").render(serial).text == moment.isoformat()
    assert compile_format("h:mm").render(serial).text == moment.time().isoformat()
    assert compile_format("d-mmm").render(serial).text == date.isoformat(moment.date())


@given(st.text('0#?.,%/@;[]()$€-+*_\\"<>=1 EeGgyYmMdDhHsSabAPGeneral', max_size=20), st.floats(-1e16, 1e16))
def test_any_code_is_rendered_or_refused(code, value):
    found = compile_format(code).render(value)
    assert found.text.strip()
    compile_format(code).text("a")
