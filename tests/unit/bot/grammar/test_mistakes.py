"""Every mistake marks its place, says why, and offers a command that parses."""

import time

import pytest

from bot.grammar import Mistake, parse, parse_words
from workers.contract.limits import Limits

LIMITS = Limits()


def mistake_in(text: str) -> Mistake:
    mistake = parse(text, LIMITS)
    assert isinstance(mistake, Mistake), mistake
    return mistake


@pytest.mark.parametrize(
    ("text", "marked", "reason", "suggestion"),
    [
        ("capture web --for 0s", "0s", "too short", "capture web --for 30s"),
        ("capture web --for -1s", "-1s", "can't last", "capture web --for 1s"),
        ("capture web for 10h", "10h", "10m is the most", "capture web for 10m"),
        ("capture web --for nan", "nan", "not a duration", "capture web --for 30s"),
        ("capture web --for 1e9999", "1e9999", "not a duration", "capture web --for 30s"),
        ("capture web --for 30s1m", "30s1m", "not a duration", "capture web --for 30s"),
        ("capture web --max-bytes 0", "0", "too little", "capture web --max-bytes 50MB"),
        ("capture web --max-bytes 9TB", "9TB", "not a size", "capture web --max-bytes 50MB"),
        ("capture web --max-bytes 5GB", "5GB", "500MB a pod", "capture web --max-bytes 500MB"),
        ("capture web --packets 0", "0", "1 is the least", "capture web --packets 1"),
        ("capture web --packets many", "many", "not a number", "capture web --packets 1000"),
        ("capture web --snaplen 9999999", "9999999", "262,144", "capture web --snaplen 262144"),
        ("capture web -i -eth0", "-eth0", "interface", "capture web -i any"),
        ("capture web -i ../../etc", "../../etc", "interface", "capture web -i any"),
        ("capture web -i", "-i", "needs a value", "capture web -i any"),
        ("capture web -n --for 5s", "-n", "needs a value", "capture web -n default --for 5s"),
        ("capture web -n Shop", "Shop", "namespace", "capture web -n shop"),
        ("capture web -n a/b", "a/b", "namespace", ""),
        ("capture web -n a -n b", "-n b", "twice", "capture web -n a"),
        ("capture web for 5s --for 6s", "--for 6s", "twice", "capture web for 5s"),
        ("capture Web_1", "Web_1", "Kubernetes", "capture web-1"),
        ("capture pod/", "pod/", "missing", ""),
        ("capture shop/web", "shop/web", "-n", "capture web -n shop"),
        ("capture shop/deploy/web", "shop/deploy/web", "-n", "capture deploy/web -n shop"),
        ("capture dpeloy/web", "dpeloy", "deploy", "capture deploy/web"),
        ("capture rs/web", "rs/web", "can't be captured", ""),
        ("capture deploy web port 80", "deploy web", "deploy/web", "capture deploy/web port 80"),
        ("capture pod/a port 80 pod/b", "pod/b", "before the filter", "capture pod/a pod/b port 80"),
        ("capture pod/a port 80 and pod/b", "pod/b", "before the filter", "capture pod/a pod/b port 80"),
        ("capture pod/a and pod/b port 80", "and", "between A and B", "capture pod/a pod/b port 80"),
        ("capture pod/a,pod/b port 80", "pod/a,pod/b", "no comma", "capture pod/a pod/b port 80"),
        ("capture pod/a pod/b pod/a", "pod/a", "twice", "capture pod/a pod/b"),
        ("capture pod/a frontend port 80", "frontend", "needs its kind", "capture pod/a port 80"),
        ("capture pod/a and port 80", "and", "can't begin with and", "capture pod/a port 80"),
        ("capture a -n x pod/b -n y pod/c", "", "In which namespace", "capture a -n x pod/b -n y pod/c -n x"),
        ("capture -n x a -n y", "-n x", "follows its own target", "capture a -n y"),
        ("capture web --max-pods 99", "99", "10 is the most", "capture web --max-pods 10"),
        ("capture web --max-pods 0", "0", "1 is the least", "capture web --max-pods 1"),
        ("capture web --method nod", "nod", "not a method", "capture web --method node"),
        ("capture web --dry-run=client", "--dry-run=client", "no value", "capture web --dry-run"),
        ("capture web dry-run", "dry-run", "--dry-run", "capture web --dry-run"),
        ("capture web --plan", "--plan", "--dry-run", "capture web --dry-run"),
        ("capture web wait 5m", "wait", "--wait", "capture web --wait 5m"),
        ("capture web --wait 2h", "2h", "15m is the most", "capture web --wait 15m"),
        ("capture web --until", "--until", "Until what", "capture web --until finding any"),
        ("capture web until finding rest", "rest", "no finding", "capture web until finding reset"),
        ("capture web until finding", "finding", "Until which finding", "capture web until finding any"),
        ("capture web until Unhealthy for 2m", "Unhealthy", "Until what", "capture web until event Unhealthy for 2m"),
        ("capture web until reset", "reset", "Until what", "capture web until finding reset"),
        ("capture web until tcp port 80", "tcp port", "Until what", "capture web until packet tcp port 80"),
        ("capture web until event un/healthy", "un/healthy", "reason", "capture web until event Unhealthy"),
        ("capture web until packet prot 80", "prot", "Did you mean port", "capture web until packet port 80"),
        ('capture web --until "packet -w x"', '"packet -w x"', "part of a filter", ""),
        ('capture web --until "finding x"', '"finding x"', "no finding", 'capture web --until "finding any"'),
        ("capture web --keep 5m", "5m", "Only a recording keeps", ""),
        ("record web --packets 5", "5", "no number of packets", ""),
        ("record web until finding any", "finding any", "stop or its time", ""),
        ("record web --for 9h", "9h", "8h is the most", "record web --for 8h"),
        ("record web --keep 31m", "31m", "30m is the most", "record web --keep 30m"),
        ("record between a and b", "between", "one after another", ""),
        ("between deploy/a deploy/b", "", "with and", "between deploy/a and deploy/b"),
        ("between deploy/a to deploy/b port 80", "to", "with and", "between deploy/a and deploy/b port 80"),
        ("between deploy/a and", "", "second end is missing", ""),
        ("between deploy/a and port 80", "", "second end is missing", ""),
        ("between deploy/a", "", "and what", ""),
        ("between", "", "between which two", ""),
        ("between port 80", "port", "ends come first", ""),
        ("between a and b pod/c", "pod/c", "third", ""),
        ("between a and a", "a", "twice", ""),
        ("between a and b and port 80", "and", "can't begin with and", "between a and b port 80"),
        ("plan deploy/a port 80", "plan", "--dry-run", "capture --dry-run deploy/a port 80"),
        ("grab", "", "which recording", "list"),
        ("grab abcd2345 2m", "", "--last", "grab abcd2345 --last 2m"),
        ("grab abcd2345 --last", "", "How much", "grab abcd2345 --last 5m"),
        ("grab abcd2345 last 3h", "3h", "30m is the most", "grab abcd2345 last 30m"),
        ("grab abcd2345 everything", "everything", "takes an id", "grab abcd2345"),
        ("extend", "", "by how much", "list"),
        ("extend abcd2345", "", "How much", "extend abcd2345 30s"),
        ("extend abcd2345 by", "", "How much", "extend abcd2345 by 30s"),
        ("extend abcd2345 by soon", "soon", "not a duration", "extend abcd2345 by 30s"),
        ("extend abcd2345 30s please", "please", "Nothing more", "extend abcd2345 30s"),
        ("capture pod/a -l app=b", "pod/a", "not both", "capture -l app=b"),
        ("capture port 443 on deploy/web", "port", "target comes before", "capture deploy/web port 443"),
        ("capture tcp", "tcp", "target comes before", ""),
        ("capture -l app=(", "app=(", "selector", ""),
        ("capture -l app>1", "app>1", "requirement", ""),
        ("capture web prot 443", "prot", "Did you mean port", "capture web port 443"),
        ("capture web please", "please", "neither an option nor", "capture web"),
        ("capture web 30s", "30s", "duration", "capture web for 30s"),
        ("capture web --duration 5s", "--duration", "--for", "capture web --for 5s"),
        ("capture web --contaner app", "--contaner", "--container", "capture web --container app"),
        ("capture web -nshop", "-nshop", "-n shop", "capture web -n shop"),
        ("capture web -w /tmp/x", "-w", "no option", "capture web"),
        ("capture web -- port 80 -w /tmp/x", "-w", "looks like an option", "capture web -- port 80"),
        ("capture web -- -z reboot port 80", "-z", "looks like an option", "capture web -- port 80"),
        ("capture web -- (--foo) or port 80", "(--foo)", "looks like an option", "capture web -- port 80"),
        ("capture web -- port 80 -- udp", "--", "stands once", "capture web -- port 80 and udp"),
        ("capture web -- port 80 --for 5s", "--for", "before --", "capture web --for 5s -- port 80"),
        ("capture web port 80 -- udp", "port 80", "twice", "capture web -- (port 80) and (udp)"),
        ("capture web --", "", "filter belongs", "capture web"),
        ("capture web -- -4 = len", "-4", "begin with -", ""),
        ('capture web "port 80', '"', "not closed", "capture web port 80"),
        ("capture", "", "Say what to capture", ""),
        ("capture -- port 80", "", "Say what to capture", ""),
        ("capture web in", "in", "which namespace", "capture web"),
        ("capture web for", "for", "how long", "capture web for 30s"),
    ],
)
def test_place_reason_and_correction(text: str, marked: str, reason: str, suggestion: str) -> None:
    mistake = mistake_in(text)
    assert mistake.text == text
    assert text[mistake.position : mistake.position + mistake.length] == marked, mistake
    assert reason in mistake.reason
    assert mistake.suggestion == suggestion
    assert not suggestion or not isinstance(parse(suggestion, LIMITS), Mistake)


def test_several_mistakes_are_all_corrected() -> None:
    assert mistake_in("capture dploy/Web --for 10h prot 443").suggestion == "capture deploy/web --for 10m port 443"


@pytest.mark.parametrize(
    ("char", "named", "correctable"),
    [
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE", True),
        ("\u200f", "U+200F RIGHT-TO-LEFT MARK", True),
        ("\u2066", "U+2066 LEFT-TO-RIGHT ISOLATE", True),
        ("\u200b", "U+200B ZERO WIDTH SPACE", True),
        ("\u200d", "U+200D ZERO WIDTH JOINER", True),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE", True),
        ("\x00", "U+0000", True),
        ("\x1b", "U+001B", True),
        ("\x85", "U+0085", True),
        ("\ud800", "U+D800", True),
        ("\U0001f600", "U+1F600 GRINNING FACE", True),
        ("\u05d0", "U+05D0 HEBREW LETTER ALEF", False),
        ("é", "U+00E9", False),
    ],
)
@pytest.mark.parametrize("template", ["capture we{}b", "capture web -- port 80 {}", "{}capture web"])
def test_foreign_characters_are_named(char: str, named: str, correctable: bool, template: str) -> None:
    mistake = mistake_in(template.format(char))
    assert mistake.text[mistake.position] == char
    assert named in mistake.reason
    assert bool(mistake.suggestion) == correctable
    assert not mistake.suggestion or mistake.suggestion == template.format("").strip()
    assert isinstance(parse_words(template.format(char).split(" "), LIMITS), Mistake)


@pytest.mark.parametrize("unit", ["a", "a ", "<", "-", '"', "'", "(", "\u202e", "😀", "\x00", "-l ", "1", "for ", "\n"])
def test_ten_megabytes_are_refused_in_linear_time_without_an_echo(unit: str) -> None:
    text = "capture web " + unit * (10_000_000 // len(unit))
    began = time.process_time()
    for mistake in (parse(text, LIMITS), parse_words([text], LIMITS), parse_words(["capture", text], LIMITS)):
        assert isinstance(mistake, Mistake)
        assert mistake.text == mistake.suggestion == ""
        assert len(mistake.reason) < 200
        assert "4,000" in mistake.reason
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    "unit", ["a", "a ", "<", "-", '""', "'", "(", "for 1s ", "-l a ", "-- ", "1s", "=", "a, ", "()", "!"]
)
def test_long_lines_within_the_limit_are_quick(unit: str) -> None:
    limits = Limits(max_text=40_000)
    for head in ("capture web ", "capture -l ", "capture web -- ", "capture web --for ", ""):
        began = time.process_time()
        parse(head + unit * ((40_000 - len(head)) // len(unit)), limits)
        assert time.process_time() - began < 2.0
