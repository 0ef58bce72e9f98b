"""Forecasts by other programs, for the scripts that compare ours with them.

Python packages go into a virtual environment of their own, R comes from Debian's packages; both are
installed where they are missing and may be. Neither is needed by the project itself.
"""

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = ["statsforecast", "statsmodels"]
UNAVAILABLE = 77

# Horizon and season of each part of the competitions, as the organisers judged them.
SETS = {
    "m3-yearly": ("m3", "yearly", 6, 1),
    "m3-quarterly": ("m3", "quarterly", 8, 4),
    "m3-monthly": ("m3", "monthly", 18, 12),
    "m3-other": ("m3", "other", 8, 1),
    "m4-yearly": ("m4", "yearly", 6, 1),
    "m4-weekly": ("m4", "weekly", 13, 1),
    "m4-hourly": ("m4", "hourly", 48, 24),
}


def unavailable(what):
    """Ends the script: what it needs cannot be had here, which is no failure of ours."""
    print(f"skipped: {what}", file=sys.stderr)
    sys.exit(UNAVAILABLE)


def in_environment(folder):
    """Runs the script again by the Python of an environment that has the packages, made if it is not there."""
    python = Path(folder) / "bin" / "python"
    if Path(sys.prefix).resolve() == Path(folder).resolve():
        return
    if not python.exists():
        venv.create(folder, with_pip=True)
    has = subprocess.run([python, "-c", f"import {', '.join(PACKAGES)}"], capture_output=True)
    if has.returncode != 0:
        made = subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES])
        if made.returncode != 0:
            unavailable(f"{' and '.join(PACKAGES)} cannot be installed from PyPI")
    os.execv(python, [str(python), *sys.argv])


def need_r():
    """Rscript with the package `forecast`, installed if this may."""
    def has():
        return shutil.which("Rscript") and subprocess.run(
            ["Rscript", "-e", "library(forecast); library(jsonlite)"], capture_output=True).returncode == 0
    if not has() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-q", "r-cran-forecast", "r-cran-jsonlite"],
                       stdout=subprocess.DEVNULL)
    if not has():
        unavailable("there is no R with the package forecast (Debian: r-cran-forecast, r-cran-jsonlite)")


def rows(path):
    """Ids and values of a competition's file."""
    packed = path.with_name(path.name + ".gz")
    text = gzip.open(packed, "rt") if packed.exists() else open(path)
    with text:
        lines = csv.reader(text)
        next(lines)
        for line in lines:
            if line:
                yield line[0], [float(value) for value in line[1:] if value.strip()]


def series(data, name, count=None):
    """(id, train, test) of a part of a competition: all of its series, or so many evenly spaced."""
    competition, frequency, horizon, _ = SETS[name]
    folder = Path(data) / competition
    if not folder.is_dir():
        unavailable(f"there is no {folder}")
    train = dict(rows(folder / f"{frequency.capitalize()}-train.csv"))
    test = dict(rows(folder / f"{frequency.capitalize()}-test.csv"))
    ids = list(train)
    if count is not None and count < len(ids):
        ids = [ids[at * len(ids) // count] for at in range(count)]
    found = [(key, train[key], test[key]) for key in ids]
    assert all(len(values) == horizon for _, _, values in found)
    return found


def smape(actual, forecast):
    """Symmetric mean absolute percentage error, a 0/0 term being 0."""
    terms = [200 * abs(a - f) / (abs(a) + abs(f)) if a != f else 0.0 for a, f in zip(actual, forecast)]
    return sum(terms) / len(terms)


def mase(train, actual, forecast, season):
    """Mean absolute scaled error; None without a scale."""
    steps = [abs(now - then) for now, then in zip(train[season:], train)]
    scale = sum(steps) / len(steps) if steps else 0.0
    return sum(abs(a - f) for a, f in zip(actual, forecast)) / len(actual) / scale if scale > 0 else None


def scores(found, forecasts, season):
    """Average sMAPE and MASE of forecasts by id."""
    both = [(smape(test, forecasts[key]), mase(train, test, forecasts[key], season)) for key, train, test in found]
    there = [value for _, value in both if value is not None]
    return sum(value for value, _ in both) / len(both), sum(there) / len(there)


def write_custom(found, path):
    """Series as a file that our program reads: the long layout, test parts included."""
    with open(path, "w") as file:
        file.write("unique_id,ds,y\n")
        for key, train, test in found:
            for t, value in enumerate(train + test):
                file.write(f"{key},{t},{value!r}\n")


def ours(supervisor, found, name, models, folder, seasons=None, flags=()):
    """Our results by (series, model); models are names or tables of a spec. And the CPU seconds of the run."""
    _, _, horizon, season = SETS[name]
    folder = Path(folder)
    data = folder / "series.csv"
    write_custom(found, data)
    listed = ", ".join(model if model.startswith("{") else json.dumps(model) for model in models)
    spec = folder / "spec.toml"
    spec.write_text(
        f'schema = 1\n[[experiment]]\nname = "x"\nkind = "forecast"\nmode = "custom"\ndata = {json.dumps(str(data))}\n'
        f"horizon = {horizon}\nseason-length = {json.dumps(seasons or [season])}\nmodels = [{listed}]\n")
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    before = os.times()
    ended = subprocess.run([supervisor, "run", spec, "--start-method", "inline", "--run-dir", run, "-q", "--progress",
                            "none", *flags], capture_output=True, text=True)
    after = os.times()
    if ended.returncode not in (0, 1):
        sys.exit(ended.stderr)
    results = {}
    with open(run / "results.jsonl") as lines:
        for line in lines:
            task = json.loads(line)
            if task["state"] == "ok":
                results[task["result"]["series"], task["result"]["model"]] = task["result"]
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return results, cpu
