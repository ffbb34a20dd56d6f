"""What the facts themselves say was bounded or not visible, for the report's notes."""

from workers.contract.facts import Facts
from workers.findings.words import number, percent, safe


def limits(facts: Facts) -> list[str]:
    """What the facts themselves say was bounded or not visible, as sentences."""
    found = [safe(text, 200) for text in facts.approximations]
    if facts.cut_packets > 0 and not any("snaplen" in text or " cut " in text for text in found):
        share = percent(facts.cut_packets, facts.packets)
        found.append(
            f"{number(facts.cut_packets)} packets ({share}) are cut by the snaplen: their payload is not visible."
        )
    return found
