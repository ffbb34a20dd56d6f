"""Names made to fit a picture. Pure."""


def brief(text: str, most: int) -> str:
    """A name of at most `most` characters: the middle goes, as both ends of a pod's name tell it from others."""
    if len(text) <= most:
        return text
    front = (most - 1) // 2
    return f"{text[:front]}…{text[len(text) - (most - 1 - front) :]}"
