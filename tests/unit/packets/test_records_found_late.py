"""Records may be found only as they are read: what a reader of batches leaves unread is passed over all the same."""

import struct

from workers.packets.capture import CaptureReader

SIZES = (60, 1_514, 60, 200, 66, 0, 70, 1_000)
CAPTURE = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(
    struct.pack("<IIII", number, 0, size, size) + bytes([number]) * size for number, size in enumerate(SIZES)
)


def test_batches_that_nobody_reads() -> None:
    for cut in range(24, len(CAPTURE), 7):
        reader = CaptureReader()
        before = reader.feed(CAPTURE[:cut])
        next(before, None)
        before.close()  # type: ignore[attr-defined]
        after = [record[3] // 1_000_000_000 for _, records in reader.feed(CAPTURE[cut:]) for record in records]
        reader.close()
        assert reader.error is None
        assert after == list(range(len(SIZES) - len(after), len(SIZES)))


def test_records_are_the_same_at_every_question() -> None:
    for _, records in CaptureReader().feed(CAPTURE):
        assert records
        assert records[1][1] == 1_514
        assert len(records) == len(SIZES)
        assert [record[1] for record in records] == list(SIZES)
