"""What the scripts here share: finding a build, and quantiles."""

import sys
from pathlib import Path


def newest(target, profile="release", program="supervisor"):
    """The newest build of a program; its folder is named by the machine."""
    found = [p for above in ("", "*/") for p in Path(target).glob(f"{above}{profile}/{program}")]
    return max(found, key=lambda p: p.stat().st_mtime).resolve() if found else None


def build(given, made_by, profile="release"):
    """The program that was named, or the newest build; without either the script ends and says how one is made."""
    found = Path(given).resolve() if given else newest("target", profile)
    if found is None or not found.exists():
        sys.exit(f"no {profile} build: {made_by}")
    return found


def quantile(values, share):
    """The smallest value that so many of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
