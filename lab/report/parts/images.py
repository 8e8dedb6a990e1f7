"""The image that each arm runs from, and what follows when they are not all the same one."""

import re
from collections.abc import Iterator, Mapping, Sequence

from lab.analysis.summary import RunSummary
from lab.record.types import RunInfo
from lab.report.parts.answers import quoted
from lab.scenario.model import Arm

DIGEST_LENGTH = 19  # "sha256:" and twelve digits
DIGEST = re.compile(r"(sha256:)?([0-9a-f]{12})[0-9a-f]{20,}")
HEADLINE = ("fastapi", "uvicorn", "uvloop")
OPTIONS: Mapping[str, str] = {  # what else may differ from arm to arm: fields of scenario.Arm
    "model": "process model",
    "front": "front",
    "command": "command",
    "env": "environment",
}
VERSIONS: Mapping[str, str] = {  # those of an image record, as versions.image_versions names them
    "app_python": "Python",
    "fastapi": "fastapi",
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "uvloop": "uvloop",
    "httptools": "httptools",
}


def short_digests(text: str) -> str:
    """The text with the first twelve digits of every digest in it."""
    return DIGEST.sub(r"\1\2…", text)


def images_text(run: RunInfo, arms: Sequence[Arm]) -> str:
    """Name and digest of the image; where arms have their own, each with its arms."""
    used = arms_by_image(run, arms)
    if len(used) == 1:
        return _text(run.images.get(arms[0].image_key, {}))
    return "; ".join(f"{', '.join(arm.name for arm in those)}: {_text(image)}" for image, those in used)


def _text(image: Mapping[str, str]) -> str:
    name, digest = image.get("name", "?"), image.get("digest", "")
    return digest[:DIGEST_LENGTH] if name == digest else f"{name} {digest[:DIGEST_LENGTH]}".strip()


def arms_by_image(run: RunInfo, arms: Sequence[Arm]) -> Sequence[tuple[Mapping[str, str], Sequence[Arm]]]:
    """Each image, as the run recorded it, with the arms that run from it, in the order of the arms."""
    used: dict[str, tuple[Mapping[str, str], list[Arm]]] = {}
    for arm in arms:
        image = run.images.get(arm.image_key, {})
        used.setdefault(image.get("digest", ""), (image, []))[1].append(arm)
    return list(used.values())


def image_limits(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    """Say that a run from different images does not show which part of them matters, and which versions differ."""
    used = arms_by_image(run, summary.scenario.arms)
    if len(used) == 1:
        return
    held = [image for image, _ in used]
    unlike = [
        f"{title} {' / '.join(image.get(fact, 'not known') for image in held)}"
        for fact, title in VERSIONS.items()
        if len({image.get(fact) for image in held}) > 1
    ]
    whose = " / ".join(", ".join(arm.name for arm in those) for _, those in used)
    known = f"They differ in {', '.join(unlike)}" if unlike else "The versions that are known are equal"
    yield (
        f"What in the image makes a difference: {whose} run from different images. {known}; what else differs in them "
        "is not looked at."
    )


def versions_text(run: RunInfo, arms: Sequence[Arm]) -> str:
    """Versions inside the image that matter most; where arms have their own, those of each image with its arms."""
    used = arms_by_image(run, arms)
    told = [
        ", ".join(f"{title} {image[fact]}" for fact, title in VERSIONS.items() if fact in HEADLINE and fact in image)
        for image, _ in used
    ]
    if len(used) == 1:
        return told[0]
    return "; ".join(
        f"{', '.join(arm.name for arm in those)}: {text or 'not known'}"
        for (_, those), text in zip(used, told, strict=True)
    )


def image_caveats(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    """Arms that differ from the baseline in their image and in something else: two causes, one number."""
    baseline = next(arm for arm in summary.scenario.arms if arm.name == summary.baseline)
    others = (arms for _, arms in arms_by_image(run, summary.scenario.arms) if baseline not in arms)
    for arms in others:
        for arm in arms:
            if options := [title for key, title in OPTIONS.items() if getattr(arm, key) != getattr(baseline, key)]:
                yield (
                    f"{quoted(arm.name)} differs from {quoted(baseline.name)} in its image and in its "
                    f"{' and '.join(options)}: from these two alone nobody can tell which makes a difference. "
                    "Compare arms that differ in one thing."
                )
