"""Numbers, dates, amounts, units and abbreviations as they are said."""

from __future__ import annotations

import num2words
import pytest

from earmark_plugins.text_to_speech.spelling import short_code, spell


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("21 people", "twenty-one people"),
        ("1,250.5 km", "one thousand two hundred and fifty point five kilometers"),
        ("1 km", "one kilometer"),
        ("born in 1984", "born in nineteen eighty-four"),
        ("-5 °C", "minus five degrees Celsius"),
        ("May 3, 2024", "May third twenty twenty-four"),
        ("3rd of May 2024", "May third twenty twenty-four"),
        ("2024-05-03", "May third twenty twenty-four"),
        ("12/25/2023", "December twenty-fifth twenty twenty-three"),
        ("at 10:00", "at ten o'clock"),
        ("at 3:05 pm", "at three oh five p m"),
        ("$3.50", "three dollars fifty cents"),
        ("€99", "ninety-nine euros"),
        ("$3 million", "three million dollars"),
        ("50% off", "fifty percent off"),
        ("pages 3-5", "pages three to five"),
        ("the 22nd", "the twenty-second"),
        ("agent 007", "agent zero zero seven"),
        ("Call 5551234567", "Call five five five one two three four five six seven"),
        ("Dr. Smith vs. Mrs. Jones", "Doctor Smith versus Missus Jones"),
        ("salt & pepper etc.", "salt and pepper et cetera."),
        ("GPT4 and A1", "GPT four and A one"),
        ("nothing to do", "nothing to do"),
        ("in the 1990s", "in the nineteen nineties"),
        ("the 1800s and the 2000s", "the eighteen hundreds and the two thousands"),
        ("the '60s, 80s music", "the sixties, eighties music"),
        ("5 s", "five seconds"),
        ("an iPhone 5s", "an iPhone five s"),
        ("$1.5M", "one point five million dollars"),
        ("£20k, €3bn", "twenty thousand pounds, three billion euros"),
        ("$5 more", "five dollars more"),
        ("1/2 cup", "one half cup"),
        ("1 1/2 hours", "one and a half hours"),
        ("2¾ cups, ½ a cup", "two and three quarters cups, one half a cup"),
        ("2/3 of it.", "two thirds of it."),
        ("5/8 and 1/3", "five eighths and one third"),
        ("3/4 kg, 1 1/8 kg", "three quarters kilogram, one and an eighth kilograms"),
        ("open 24/7 since 9/11", "open twenty-four seven since nine eleven"),
        ("5'10\" tall", "five feet ten inches tall"),
        ("1\u2019 6\u201d and 12\u2033", "one foot six inches and twelve inches"),
        ('he said "12" twice', 'he said "twelve" twice'),
        (
            "v2.0 and v1.10.3",
            "version two point zero and version one point ten point three",
        ),
        ("v2.", "version two."),
        ("version 2.0", "version two point zero"),
        ("1,000.00 m", "one thousand meters"),
        ("pi is 3.00", "pi is three point zero zero"),
        ("3.05", "three point zero five"),
        ("Python 3.11.2.", "Python three point eleven point two."),
    ],
)
def test_english(written: str, said: str) -> None:
    assert spell(written, "en") == said


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("de", "Am 3. Mai 2024", "Am dritten Mai zweitausendvierundzwanzig"),
        ("de", "um 14:30 Uhr", "um vierzehn Uhr dreißig"),
        ("de", "3,50 €", "drei Euro und fünfzig Cent"),
        (
            "de",
            "1.250 km, z. B.",
            "eintausendzweihundertfünfzig Kilometer, zum Beispiel.",
        ),
        ("fr", "Le 1er mai 2024", "Le premier mai deux mille vingt-quatre"),
        ("fr", "1 250 km", "mille deux cent cinquante kilomètres"),
        ("es", "3 de mayo de 2024", "tres de mayo de dos mil veinticuatro"),
        ("it", "50 %", "cinquanta per cento"),
        ("ru", "3 мая 2024", "три мая две тысячи двадцать четыре"),
        ("ja", "5月", "五月"),
        (
            "de",
            "die 1990er und die 80er",
            "die neunzehnhundertneunziger und die achtziger",
        ),
        ("de", "3/4 davon", "drei Viertel davon"),
        ("de", "v2.0", "Version zwei Komma null"),
        ("fr", "2/3 du temps", "deux tiers du temps"),
        ("es", "$2M", "dos millones dólares estadounidenses"),
    ],
)
def test_other_languages(language: str, written: str, said: str) -> None:
    assert spell(written, language) == said


@pytest.mark.parametrize("date", ["2024-02-30", "31/31/2024"])
def test_a_date_that_does_not_exist_is_read_as_numbers(date: str) -> None:
    said = spell(date, "en")
    assert "February" not in said
    assert not any(map(str.isdigit, said))


def test_an_unknown_language_keeps_its_digits() -> None:
    assert spell("Nina 5", "swh") == "Nina 5"
    assert spell("Nina 5", "xx") == "Nina 5"


def test_codes_of_three_letters_are_shortened() -> None:
    assert [short_code(code) for code in ("eng", "deu", "en-GB", "xyz")] == [
        "en",
        "de",
        "en",
        "xyz",
    ]


@pytest.mark.parametrize("language", sorted(num2words.CONVERTER_CLASSES))
def test_no_language_fails_at_what_it_has_no_words_for(language: str) -> None:
    written = "v2.0, 1/2, 1½, 2.0, 2,0, $1.5M, 5'10\", 1990s, 3,14 kg, 12.5.2024"
    assert spell(written, language)
