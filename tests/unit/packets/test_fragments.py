"""Fragments of datagrams that never become whole take up a bounded memory, be they many or one upon another."""

from workers.packets.fragments import MAX_HELD, Fragments


def test_what_waits_is_bounded_in_bytes_and_the_oldest_goes_first() -> None:
    fragments = Fragments()
    for number in range(200):
        assert fragments.add(b"%d" % number, 8, True, bytes(60_000), 60_020) is None
    kept = MAX_HELD // 60_128
    assert (fragments.dropped, fragments.incomplete) == (200 - kept, 200)
    whole = fragments.add(b"%d" % (200 - kept), 0, True, bytes(8), 28)
    assert whole is None
    assert fragments.add(b"199", 60_008, False, b"end", 23) is None
    whole = fragments.add(b"199", 0, True, b"12345678", 28)
    assert whole == (b"12345678" + bytes(60_000) + b"end", 60_071)


def test_pieces_that_overlap_are_bounded_too() -> None:
    fragments = Fragments()
    for number in range(64):
        assert fragments.add(b"old", 8 + number, True, bytes(60_000), 60_020) is None
    for number in range(32):
        assert fragments.add(b"new", 8 + number, True, bytes(60_000), 60_020) is None
    assert (fragments.dropped, fragments.incomplete) == (1, 2)
    for number in range(32, 64):
        assert fragments.add(b"new", 8 + number, True, bytes(65_000), 65_020) is None
    assert (fragments.dropped, fragments.incomplete) == (1, 2)


def test_what_became_whole_takes_up_nothing() -> None:
    fragments = Fragments()
    for number in range(300):
        assert fragments.add(b"%d" % number, 0, True, bytes(60_000), 60_020) is None
        assert fragments.add(b"%d" % number, 0, True, bytes(60_008), 60_028) is None  # sent again, and longer
        assert fragments.add(b"%d" % number, 60_008, False, b"end", 23) is not None
    assert fragments.incomplete == 0


def test_what_overlaps_is_no_proof_that_all_is_there() -> None:
    fragments = Fragments()
    assert fragments.add(b"one", 16, False, bytes(8), 28) is None
    assert fragments.add(b"one", 8, True, bytes(16), 36) is None
    assert fragments.add(b"one", 8, True, bytes(8), 28) is None  # shorter than what is known
    assert fragments.add(b"one", 0, True, b"12345678", 28) == (b"12345678" + bytes(16), 120)
