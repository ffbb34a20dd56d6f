"""A line or a terminal's words to a command, or a mistake with a correction that was tried."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from bot.grammar import jobs
from bot.grammar.capture import capture
from bot.grammar.commands import Command, Help, ListJobs, Mistake, Status
from bot.grammar.line import Line, Token, read_line, read_words
from bot.grammar.targets import is_target
from bot.grammar.values import shown
from bot.grammar.vocabulary import COMMANDS, PLANNING, SYNONYMS, TOPICS
from bot.grammar.wrong import Wrong
from workers.contract.limits import Limits
from workers.contract.spec import Mode

_MODES = {"capture": Mode.CAPTURE, "between": Mode.BETWEEN, "record": Mode.RECORD}
_MOST_CORRECTIONS = 8
"""How many mistakes of one line are put right for its suggestion."""


def parse(text: str, limits: Limits, *, implied: str = "") -> Command | Mistake:
    """Read one line of unmangled text. `implied` is the command word to assume when there is none ("capture" for
    a slash command named so). Empty text is a call for help."""
    if len(text) > limits.max_text:
        return _too_long(len(text), limits)
    return _attempt(lambda: read_line(text), text, limits, implied)


def parse_words(words: Sequence[str], limits: Limits) -> Command | Mistake:
    """Read a terminal's argv (without the program's name) by the same grammar."""
    length = sum(map(len, words)) + len(words)
    if length > limits.max_text:
        return _too_long(length, limits)
    return _attempt(lambda: read_words(words), " ".join(words), limits, "")


def _too_long(length: int, limits: Limits) -> Mistake:
    return Mistake(0, 0, f"The command is {length:,} characters long; {limits.max_text:,} is the most.")


def _attempt(read: Callable[[], Line], text: str, limits: Limits, implied: str) -> Command | Mistake:
    try:
        line = read()
        text = line.text
        return _command(line, limits, implied)
    except Wrong as wrong:
        suggestion = _suggestion(wrong, text, limits, implied)
        return Mistake(wrong.start, wrong.end - wrong.start, wrong.reason, suggestion, text)


def _suggestion(wrong: Wrong, text: str, limits: Limits, implied: str) -> str:
    """Put mistake after mistake right until the line parses, in the person's own words; "" when one can't be."""
    for _ in range(_MOST_CORRECTIONS):
        corrected = wrong.corrected(text)
        if corrected is None or len(corrected) > limits.max_text:
            return ""
        text = corrected
        try:
            _command(read_line(text), limits, implied)
        except Wrong as another:
            wrong = another
        else:
            return _complete(text, limits, implied)
    return ""


def _complete(text: str, limits: Limits, implied: str) -> str:
    """Return a line that parses as one that also does without an implied command; "" if it grows too long."""
    line = " ".join(text.split())
    if implied and line and line.split()[0].lower() not in COMMANDS:
        line = f"{implied} {line}"
    try:
        _command(read_line(line), limits, "")
    except Wrong:
        return ""
    return line if len(line) <= limits.max_text else ""


def _command(line: Line, limits: Limits, implied: str) -> Command:
    if not line.tokens and line.tail is None:
        return Help(None)
    first = line.tokens[0] if line.tokens else Token("", line.dashes, line.dashes + 2)
    word = first.text.lower()
    if word in ("-h", "--help", "?"):
        return Help(None)
    if word in _MODES:
        return capture(line, line.tokens[1:], limits, _MODES[word])
    if word in COMMANDS:
        return _simple(line, word, limits)
    if implied == "capture" and not _mistyped(word):
        return capture(line, line.tokens, limits)
    raise _unknown_command(line, first)


def _simple(line: Line, word: str, limits: Limits) -> Command:
    """Read the commands that have no filter."""
    arguments = line.tokens[1:] if line.tail is None else (*line.tokens[1:], line.tail)
    if arguments and arguments[0].text in ("-h", "--help"):
        return Help(word)
    if word in ("grab", "extend"):
        return jobs.grab(line, arguments, limits) if word == "grab" else jobs.extend(line, arguments, limits)
    return jobs.stop(line, arguments) if word == "stop" else _about(line, word, arguments)


def _about(line: Line, word: str, arguments: tuple[Token, ...]) -> Command:
    """Read the commands that take one word at most."""
    most = 0 if word == "list" else 1
    if len(arguments) > most:
        takes = "nothing more" if most == 0 else "one word at most"
        start = line.dashes if arguments[most] is line.tail else arguments[most].start
        raise Wrong(start, len(line.text), f"{word} takes {takes}.", instead="")
    argument = arguments[0] if arguments else None
    if word == "help":
        return Help(None if argument is None else _topic(argument))
    if word == "list":
        return ListJobs()
    return Status(None if argument is None else jobs.job(argument))


def _topic(token: Token) -> str:
    word = token.text.lower()
    if word in TOPICS:
        return word
    close = _closest(word, TOPICS)
    hint = f" Did you mean {close}?" if close else f" There is: {', '.join(TOPICS)}."
    raise Wrong(token.start, token.end, f"There is no help on {shown(word)}.{hint}", instead=close or "")


def _mistyped(word: str) -> bool:
    """Whether a first word is so near a command's that it is hardly a pod's name."""
    return bool(get_close_matches(word[:40], COMMANDS, 1, 0.8))


def _closest(word: str, known: Sequence[str]) -> str:
    if SYNONYMS.get(word) in known:
        return SYNONYMS[word]
    close = get_close_matches(word[:40], known, 1, 0.6)
    return close[0] if close else ""


def _unknown_command(line: Line, token: Token) -> Wrong:
    known = ", ".join(COMMANDS[:-1]) + f" and {COMMANDS[-1]}"
    if is_target(token.text) or token.text.startswith("-"):
        reason = f"The line begins with a command: {known}."
        return Wrong(token.start, token.end, reason, instead=f"capture {line.source(token)}")
    if token.text.lower() in PLANNING:
        reason = "A plan is asked for with --dry-run, which creates nothing."
        return Wrong(token.start, token.end, reason, instead="capture --dry-run")
    close = _closest(token.text.lower(), COMMANDS)
    if close:
        reason = f"There is no command {shown(token.text)}. Did you mean {close}?"
        return Wrong(token.start, token.end, reason, instead=close)
    return Wrong(token.start, token.end, f"There is no command {shown(token.text)}. There is {known}.", whole="help")
