#!/usr/bin/env python3
"""Our seasonal exponential smoothing beside statsforecast's AutoETS, on the same series.

The bar: an OWA at most 0.005 above theirs on all M3 monthly and quarterly series. Both sides' forecasts are
scored here by the same code, OWA being relative to our naive2. Rates are series per CPU second: ours of the
whole command, theirs of fitting and forecasting alone, in one process.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import references
from shared import build

BAR = 0.005


def theirs(found, name, cache):
    """Forecasts of AutoETS by id, their CPU seconds, and the version."""
    import statsforecast
    import numpy
    from statsforecast.models import AutoETS

    kept = json.loads(cache.read_text()) if cache and cache.exists() else {}
    key = f"{name} {len(found)} {statsforecast.__version__}"
    if key not in kept:
        _, _, horizon, season = references.SETS[name]
        forecasts, forms = {}, {}
        began = time.process_time()
        for number, (key_, train, _) in enumerate(found):
            model = AutoETS(season_length=season)
            model.fit(numpy.array(train))
            forecasts[key_] = [float(value) for value in model.predict(horizon)["mean"]]
            forms[key_] = model.model_.get("method")
            if number % 200 == 199:
                print(f"  AutoETS: {number + 1} of {len(found)}", file=sys.stderr)
        kept[key] = [forecasts, time.process_time() - began, forms]
        if cache:
            cache.write_text(json.dumps(kept))
    forecasts, seconds, _ = kept[key]
    return forecasts, seconds, statsforecast.__version__


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", default="m3-monthly,m3-quarterly", help=", ".join(references.SETS))
    options.add_argument("--series", type=int, help="so many of each set, evenly spaced; default: all")
    options.add_argument("--rounds", type=int, default=3, help="runs of ours, of which the median rate is shown")
    options.add_argument("--supervisor", help="default: the newest release build")
    options.add_argument("--data", default="../shared/data", help="where m3 and m4 are")
    options.add_argument("--environment", default="target/references", help="the virtual environment")
    options.add_argument("--cache", type=Path, help="a file that keeps the other side's forecasts")
    given = options.parse_args()
    references.in_environment(given.environment)
    supervisor = build(given.supervisor, "cargo build --release")
    missed = False
    print(f"{'set':<13} {'series':>6}  {'':<22} {'sMAPE':>7} {'MASE':>6} {'OWA':>6} {'series/CPU s':>12}")
    for name in given.sets.split(","):
        _, _, _, season = references.SETS[name]
        found = references.series(given.data, name, given.series)
        with tempfile.TemporaryDirectory() as folder:
            rates = []
            for _ in range(given.rounds):
                results, cpu = references.ours(supervisor, found, name, ["ets"], folder)
                rates.append(len(found) / cpu)
            results, _ = references.ours(supervisor, found, name, ["naive2", "ets"], folder)
        ours = {model: {key: results[key, model]["predictions"] for key, _, _ in found} for model in ("naive2", "ets")}
        base = references.scores(found, ours["naive2"], season)
        other, seconds, version = theirs(found, name, given.cache)
        owas = []
        for who, forecasts, rate in [("ours", ours["ets"], statistics.median(rates)),
                                     (f"statsforecast {version}", other, len(found) / seconds)]:
            smape, mase = references.scores(found, forecasts, season)
            owas.append((smape / base[0] + mase / base[1]) / 2)
            print(f"{name:<13} {len(found):>6}  {who:<22} {smape:7.3f} {mase:6.3f} {owas[-1]:6.3f} {rate:12.1f}",
                  flush=True)
        missed |= owas[0] > owas[1] + BAR
    sys.exit("the bar is missed" if missed else 0)


if __name__ == "__main__":
    main()
