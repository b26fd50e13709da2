"""Sentence frames of the spoken calendar: English and German templates with slots for values.

A slot may name the grammatical form it needs, {number:accusative} or {day:am}; the value classes in
calendar_values.py know the forms. All other slots are filled from LEXICON with the same entry on
both sides. No frame holds a number word or an indefinite article, so every number in a sentence is
one of its values.
"""

from typing import NamedTuple

from recipes.data import english, german


class Countable(NamedTuple):
    """A noun in both languages."""

    english: english.Noun
    german: german.Noun


class Frame(NamedTuple):
    """A sentence in both languages; its numbers are in smallest..largest and count `nouns`."""

    english: str
    german: str
    nouns: tuple = ()
    smallest: int = 1
    largest: int = 999_999


def _nouns(*rows):
    """Countables from rows "singular plural: article Singular Plural"."""
    genders = {"der": "m", "die": "f", "das": "n"}
    countables = []
    for row in rows:
        left, right = (side.split() for side in row.split(":"))
        noun = german.Noun(right[1], right[2], genders[right[0]])
        countables.append(Countable(english.Noun(*left), noun))
    return tuple(countables)


THINGS = _nouns(
    *("book books: das Buch Bücher", "letter letters: der Brief Briefe"),
    *("lamp lamps: die Lampe Lampen", "chair chairs: der Stuhl Stühle"),
    *("bottle bottles: die Flasche Flaschen", "apple apples: der Apfel Äpfel"),
    *("egg eggs: das Ei Eier", "picture pictures: das Bild Bilder"),
    *("stamp stamps: die Briefmarke Briefmarken", "key keys: der Schlüssel Schlüssel"),
    *("box boxes: die Kiste Kisten", "photo photos: das Foto Fotos"),
)
AROUND = _nouns(
    *("tree trees: der Baum Bäume", "house houses: das Haus Häuser"),
    *("shop shops: der Laden Läden", "bridge bridges: die Brücke Brücken"),
    *("car cars: das Auto Autos", "child children: das Kind Kinder"),
    *("dog dogs: der Hund Hunde", "school schools: die Schule Schulen"),
    *("bird birds: der Vogel Vögel", "cat cats: die Katze Katzen"),
)
COMPANIONS = _nouns(
    *("friend friends: der Freund Freunde", "child children: das Kind Kinder"),
    *("dog dogs: der Hund Hunde", "guest guests: der Gast Gäste"),
)
VISITORS = _nouns(
    *("visitor visitors: der Besucher Besucher", "guest guests: der Gast Gäste"),
    "pupil pupils: der Schüler Schüler",
)
WARES = _nouns(
    *("ticket tickets: die Karte Karten", "book books: das Buch Bücher"),
    *("bottle bottles: die Flasche Flaschen", "apple apples: der Apfel Äpfel"),
)
INHABITANTS = _nouns("inhabitant inhabitants: der Einwohner Einwohner")
MONEY = _nouns(
    *("euro euros: der Euro Euro", "dollar dollars: der Dollar Dollar"),
    "crown crowns: die Krone Kronen",
)
LENGTHS = _nouns(
    *("metre metres: der Meter Meter", "kilometre kilometres: der Kilometer Kilometer"),
    "mile miles: die Meile Meilen",
)
HEIGHTS = _nouns(
    "metre metres: der Meter Meter", "centimetre centimetres: der Zentimeter Zentimeter"
)
WEIGHTS = _nouns("kilogram kilograms: das Kilogramm Kilogramm", "ton tons: die Tonne Tonnen")
YEARS = _nouns("year years: das Jahr Jahre")
DURATIONS = YEARS + _nouns(
    *("second seconds: die Sekunde Sekunden", "minute minutes: die Minute Minuten"),
    *("hour hours: die Stunde Stunden", "day days: der Tag Tage"),
    *("week weeks: die Woche Wochen", "month months: der Monat Monate"),
)
RANKED = _nouns(
    *("letter letters: der Brief Briefe", "page pages: die Seite Seiten"),
    *("book books: das Buch Bücher", "chapter chapters: das Kapitel Kapitel"),
    "line lines: die Zeile Zeilen",
)

LEXICON = {
    "who": (
        *(("she", "sie"), ("he", "er"), ("Anna", "Anna"), ("Paul", "Paul")),
        *(("my sister", "meine Schwester"), ("my brother", "mein Bruder")),
        *(("the teacher", "der Lehrer"), ("the mayor", "der Bürgermeister")),
        *(("our neighbour", "unser Nachbar"), ("the old man", "der alte Mann")),
        ("the young woman", "die junge Frau"),
    ),
    "did": (
        *(("bought", "kaufte"), ("sold", "verkaufte"), ("found", "fand"), ("saw", "sah")),
        *(("counted", "zählte"), ("ordered", "bestellte"), ("received", "erhielt")),
        *(("needed", "brauchte"), ("carried", "trug")),
    ),
    "place": (
        *(("in the park", "im Park"), ("in the town", "in der Stadt")),
        *(("in the village", "im Dorf"), ("on the island", "auf der Insel")),
        *(("in the valley", "im Tal"), ("in this street", "in dieser Straße")),
    ),
    "ware": (
        *(("the car", "das Auto"), ("the bicycle", "das Fahrrad"), ("the table", "der Tisch")),
        *(("the watch", "die Uhr"), ("the house", "das Haus"), ("the piano", "das Klavier")),
    ),
    "statement": (
        *(("the answer is", "die Antwort lautet"), ("the result is", "das Ergebnis lautet")),
        *(("the code is", "der Code lautet"), ("the number is", "die Zahl lautet")),
    ),
    "label": (
        *(("population", "Einwohner"), ("visitors", "Besucher"), ("votes", "Stimmen")),
        *(("result", "Ergebnis"), ("order number", "Bestellnummer"), ("total", "Summe")),
    ),
    "institution": (
        *(("the school", "die Schule"), ("the museum", "das Museum"), ("the bridge", "die Brücke")),
        *(("the theatre", "das Theater"), ("the library", "die Bibliothek")),
    ),
    "event": (
        *(("the concert", "das Konzert"), ("the meeting", "die Sitzung")),
        *(("the wedding", "die Hochzeit"), ("the course", "der Kurs"), ("the game", "das Spiel")),
    ),
    "vehicle": (
        *(("the train", "der Zug"), ("the bus", "der Bus"), ("the ferry", "die Fähre")),
        ("the last tram", "die letzte Straßenbahn"),
    ),
    "weather": (
        *(
            ("it snowed", "schneite es"),
            ("it rained", "regnete es"),
            ("the sun shone", "schien die Sonne"),
        ),
        ("the river froze", "gefror der Fluss"),
    ),
}

NUMBERS = (
    Frame("{who} {did} {number:counted}.", "{who} {did} {number:accusative}.", THINGS, smallest=0),
    Frame(
        "There {number:are} {number:counted} {place}.",
        "{place} gibt es {number:accusative}.",
        AROUND,
        smallest=0,
    ),
    Frame("{who} paid {number:counted}.", "{who} bezahlte {number:accusative}.", MONEY),
    Frame("{ware} costs {number:counted}.", "{ware} kostet {number:accusative}.", MONEY),
    Frame(
        "{who} earned {number:counted} last year.",
        "{who} verdiente im letzten Jahr {number:accusative}.",
        MONEY,
    ),
    Frame(
        "{who} won {number:counted} in the lottery.",
        "{who} gewann {number:accusative} im Lotto.",
        MONEY,
    ),
    Frame(
        "The tower is {number:counted} high.",
        "Der Turm ist {number:accusative} hoch.",
        HEIGHTS,
        largest=9_999,
    ),
    Frame(
        "The road is {number:counted} long.",
        "Die Straße ist {number:accusative} lang.",
        LENGTHS,
        largest=99_999,
    ),
    Frame(
        "{who} ran {number:counted}.",
        "{who} lief {number:accusative}.",
        LENGTHS,
        largest=9_999,
    ),
    Frame("The ship weighs {number:counted}.", "Das Schiff wiegt {number:accusative}.", WEIGHTS),
    Frame(
        "The castle is {number:counted} old.",
        "Das Schloss ist {number:accusative} alt.",
        YEARS,
        largest=9_999,
    ),
    Frame(
        "The journey takes {number:counted}.",
        "Die Reise dauert {number:accusative}.",
        DURATIONS,
        largest=9_999,
    ),
    Frame(
        "{vehicle} left {number:counted} ago.",
        "{vehicle} fuhr vor {number:dative} ab.",
        DURATIONS,
        largest=9_999,
    ),
    Frame(
        "{event} starts in {number:counted}.",
        "{event} beginnt in {number:dative}.",
        DURATIONS,
        largest=9_999,
    ),
    Frame(
        "After {number:counted}, the rain stopped.",
        "Nach {number:dative} hörte der Regen auf.",
        DURATIONS,
        largest=9_999,
    ),
    Frame(
        "{who} travelled with {number:counted}.",
        "{who} reiste mit {number:dative}.",
        COMPANIONS,
        largest=9_999,
    ),
    Frame("The village has {number:counted}.", "Das Dorf hat {number:accusative}.", INHABITANTS),
    Frame(
        "There is room for {number:counted} in the stadium.",
        "Im Stadion ist Platz für {number:accusative}.",
        VISITORS,
    ),
    Frame(
        "More than {number:counted} saw the exhibition.",
        "Mehr als {number:nominative} sahen die Ausstellung.",
        VISITORS,
        smallest=2,
    ),
    Frame("{statement} {number}.", "{statement} {number}.", smallest=0),
    Frame(
        "{who} wrote down the number {number}.",
        "{who} schrieb die Zahl {number} auf.",
        smallest=0,
    ),
    Frame("Please count to {number}.", "Bitte zählen Sie bis {number}."),
    Frame("{label}: {number:digits}", "{label}: {number:digits}", smallest=0),
    Frame("{label} in words: {number:digits}", "{label} in Worten: {number}", smallest=0),
    Frame(
        "This is {number:ranked}.",
        "Das ist {number:ranked nominative}.",
        RANKED,
        smallest=1,
        largest=9_999,
    ),
    Frame(
        "{who} read {number:ranked}.",
        "{who} las {number:ranked accusative}.",
        RANKED,
        smallest=1,
        largest=9_999,
    ),
    Frame(
        "{who} has {number:counted} and {other:counted}.",
        "{who} hat {number:accusative} und {other:accusative}.",
        THINGS,
        largest=999,
    ),
    Frame(
        "The price changed from {number} to {other:counted}.",
        "Der Preis änderte sich von {number} auf {other:accusative}.",
        MONEY,
        smallest=2,
        largest=9_999,
    ),
)

DATES = (
    Frame("{who} was born on {day:on}.", "{who} wurde {day:am,} geboren."),
    Frame("{who} died on {day:on}.", "{who} starb {day:am}."),
    Frame("{who} married on {day:on}.", "{who} heiratete {day:am}."),
    Frame("{institution} opened on {day:on}.", "{institution} wurde {day:am,} eröffnet."),
    Frame("{institution} closed on {day:on}.", "{institution} schloss {day:am}."),
    Frame("{event} takes place on {day:on}.", "{event} findet {day:am,} statt."),
    Frame("The letter arrived on {day:on}.", "Der Brief kam {day:am,} an."),
    Frame("The contract ends on {day:on}.", "Der Vertrag endet {day:am}."),
    Frame("Today is {day:on}.", "Heute ist {day:der}."),
    Frame("Yesterday was {day:on}.", "Gestern war {day:der}."),
    Frame("On {day:on}, {weather}.", "{day:am,} {weather}."),
    Frame("On {day:on}, the war ended.", "{day:am,} endete der Krieg."),
    Frame("Please reply by {day}.", "Bitte antworten Sie bis zum {day}."),
    Frame("{who} has lived here since {day}.", "{who} wohnt seit dem {day} hier."),
    Frame("{who} stayed until {day}.", "{who} blieb bis zum {day}."),
    Frame(
        "The exhibition runs from {day} to {last_day}.",
        "Die Ausstellung läuft vom {day} bis zum {last_day}.",
    ),
    Frame("Date: {day}", "Datum: {day:heading}"),
)

TIMES = (
    Frame("It is {time}.", "Es ist {time}."),
    Frame("It was {time} already.", "Es war schon {time}."),
    Frame("{vehicle} leaves at {time}.", "{vehicle} fährt um {time} ab."),
    Frame("{vehicle} arrived at {time}.", "{vehicle} kam um {time} an."),
    Frame("{event} begins at {time}.", "{event} beginnt um {time}."),
    Frame("{who} woke up at {time}.", "{who} wachte um {time} auf."),
    Frame("{who} went to bed at {time}.", "{who} ging um {time} ins Bett."),
    Frame("{who} came home at {time}.", "{who} kam um {time} nach Hause."),
    Frame("At {time}, the telephone rang.", "Um {time} klingelte das Telefon."),
    Frame("At {time}, {who} drank coffee.", "Um {time} trank {who} Kaffee."),
    Frame("We waited until {time}.", "Wir warteten bis {time}."),
    Frame("{who} has been asleep since {time}.", "{who} schläft seit {time}."),
    Frame(
        "The shop is open from {time} to {end_time}.",
        "Der Laden ist von {time} bis {end_time} geöffnet.",
    ),
)

MIXTURES = (
    Frame("{vehicle} left on {day:on,} at {time}.", "{vehicle} fuhr {day:am,} um {time} ab."),
    Frame("{event} begins on {day:on,} at {time}.", "{event} beginnt {day:am,} um {time}."),
    Frame(
        "On {day:on}, {who} sold {number:counted}.",
        "{day:am,} verkaufte {who} {number:accusative}.",
        WARES,
    ),
    Frame(
        "On {day:on}, {who} paid {number:counted}.",
        "{day:am,} bezahlte {who} {number:accusative}.",
        MONEY,
    ),
    Frame(
        "At {time}, there {number:were} {number:counted} in the museum.",
        "Um {time} {number:waren} {number:nominative} im Museum.",
        VISITORS,
    ),
    Frame(
        "{event} begins at {time} and lasts {number:counted}.",
        "{event} beginnt um {time} und dauert {number:accusative}.",
        DURATIONS,
        largest=999,
    ),
)
