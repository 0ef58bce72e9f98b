#!/usr/bin/env python3
"""Our models against independent implementations: statsforecast, statsmodels and R's package `forecast`.

For each part of the competitions and each model, over the same series: how far our forecasts are from theirs
(mean absolute difference over mean absolute forecast of a series: median, 90 % quantile, share within 1 %), and
sMAPE and MASE of both. `holt`, `damped` and `ets` are compared twice: as they are by default, and with beta-limit = 1, the range that R
has, where likelihoods can be compared: ours better, equal (within 0.1) or worse. A better likelihood counts as
right; a worse one is a fit that was not found.

Exits 1 where a naive method differs at all, where a model without a likelihood is worse than all others in mean
MASE by more than 5 %, or where more than one in twenty fits is worse than theirs by more than 0.1. (Of models
with a likelihood the better fit is right, whatever it scores on so few series.)
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import references
from shared import build, quantile

EXACT = ("naive", "seasonal-naive", "drift", "naive2")
BENCHMARKS = ("ses", "holt", "damped", "comb", "theta")
# R's region is ours with beta-limit = 1.
WIDE = [f'{{ model = "{model}", name = "{model}-wide", beta-limit = 1 }}' for model in ("holt", "damped", "ets")]


def by_r(found, name, seasons, ets):
    """Forecasts of R by (series, model), and what `ets` fitted by series."""
    _, _, horizon, season = references.SETS[name]
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder) / "in.json", Path(folder) / "out.json"
        given.write_text(json.dumps({
            "series": [{"id": key, "train": train} for key, train, _ in found],
            "horizon": horizon, "season": season, "seasons": seasons, "ets": ets}))
        script = Path(__file__).with_name("reference_forecasts.R")
        subprocess.run(["Rscript", script, given, taken], check=True, stderr=subprocess.DEVNULL)
        read = json.loads(taken.read_text())
    forecasts, details = {}, {}
    for key, value in read.items():
        if key.endswith("/details"):
            details[key.removesuffix("/details")] = value
        else:
            forecasts.update({(key, model): numbers for model, numbers in value.items()})
    return forecasts, details


def by_statsforecast(found, name, seasons, ets):
    """Likewise of statsforecast."""
    import numpy
    from statsforecast import models

    _, _, horizon, season = references.SETS[name]
    forecasts, details = {}, {}
    for key, train, _ in found:
        values = numpy.array(train)
        makers = {"naive": models.Naive(), "drift": models.RandomWalkWithDrift(),
                  "seasonal-naive": models.SeasonalNaive(season_length=season)}
        if ets:
            makers["ets"] = models.AutoETS(season_length=season)
        if len(seasons) > 1:
            rest = models.AutoETS(season_length=1, model="ZZN")
            makers["mstl"] = models.MSTL(season_length=seasons, trend_forecaster=rest)
        for model, maker in makers.items():
            fitted = maker.fit(values)
            forecasts[key, model] = [float(value) for value in fitted.predict(horizon)["mean"]]
            if model == "ets":
                kept = fitted.model_
                details[key] = {"form": kept["method"], "aicc": kept["aicc"], "log_likelihood": kept["loglik"]}
    return forecasts, details


def by_statsmodels(found, name, ours):
    """Holt and simple smoothing of series without a season, and the likelihood of the form that ours chose."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    from statsmodels.tsa.holtwinters import Holt, SimpleExpSmoothing

    _, _, horizon, season = references.SETS[name]
    forecasts, details = {}, {}
    words = {"A": "add", "M": "mul", "N": None}
    for key, train, _ in found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if season == 1:
                up = [max(0.0, float(value)) for value in
                      SimpleExpSmoothing(train, initialization_method="estimated").fit().forecast(horizon)]
                forecasts[key, "ses"] = up
                for model, damped in (("holt", False), ("damped", True)):
                    fit = Holt(train, damped_trend=damped, initialization_method="estimated").fit()
                    forecasts[key, model] = [max(0.0, float(value)) for value in fit.forecast(horizon)]
            form = ours[key, "ets-wide"]["fitted"]["form"]
            damped = "Ad" in form
            error, trend, seasonal = form.replace("Ad", "A")
            try:
                fit = ETSModel(train, error=words[error], trend=words[trend], damped_trend=damped,
                               seasonal=words[seasonal], seasonal_periods=season if seasonal != "N" else None
                               ).fit(disp=False)
            except Exception as problem:  # whatever it raises, there is no reference for this series
                print(f"  statsmodels: {key}: {problem}", file=sys.stderr)
                continue
            count = len(train)
            # Theirs has the constant that R leaves out.
            likelihood = fit.llf + count / 2 * (math.log(2 * math.pi / count) + 1)
            details[key] = {"form": form, "log_likelihood": float(likelihood)}
    return forecasts, details


class Table:
    """Prints rows and remembers what must not be."""

    def __init__(self, explain):
        self.faults = []
        self.explain = explain
        print(f"{'set':<12} {'model':<15} {'against':<14} {'series':>6} {'median':>9} {'90 %':>9} {'within 1 %':>10} "
              f"{'sMAPE':>7} {'theirs':>7} {'MASE':>7} {'theirs':>7}")

    def forecasts(self, name, model, who, found, ours, theirs):
        """A row about forecasts; both MASE come back."""
        season = references.SETS[name][3]
        both = [one for one in found if (one[0], model) in ours and (one[0], model) in theirs]
        mine = {key: ours[key, model]["predictions"] for key, _, _ in both}
        other = {key: theirs[key, model] for key, _, _ in both}
        far = [sum(abs(a - b) for a, b in zip(mine[key], other[key])) / max(sum(abs(b) for b in other[key]), 1e-300)
               for key, _, _ in both]
        (s1, m1), (s2, m2) = (references.scores(both, forecasts, season) for forecasts in (mine, other))
        within = sum(value <= 0.01 for value in far) / len(far)
        print(f"{name:<12} {model:<15} {who:<14} {len(both):>6} {quantile(far, 0.5):9.1e} {quantile(far, 0.9):9.1e} "
              f"{100 * within:>8.0f} % {s1:7.3f} {s2:7.3f} {m1:7.3f} {m2:7.3f}", flush=True)
        if model in EXACT and quantile(far, 1.0) > 1e-8:
            self.faults.append(f"{name} {model}: differs from {who} by {quantile(far, 1.0):.1e}")
        return m1, m2

    def likelihoods(self, name, model, who, ours, details, key):
        """A row about fits: by AICc where the forms may differ, by log-likelihood where the form is given."""
        sign = -1 if key == "aicc" else 1
        # A constant train part has no fit of ours, and MAM is a form that ours does not choose.
        details = {one: theirs for one, theirs in details.items() if theirs.get("form") != "ETS(M,A,M)"}
        gains = [sign * (ours[one, model]["fitted"][key] - theirs[key]) for one, theirs in details.items()
                 if theirs.get(key) is not None and math.isfinite(theirs[key]) and "fitted" in ours[one, model]]
        better = sum(gain > 0.1 for gain in gains)
        worse = sum(gain < -0.1 for gain in gains)
        print(f"{name:<12} {model + ', fit':<15} {who:<14} {len(gains):>6} by {key}: ours better {better}, "
              f"equal {len(gains) - better - worse}, worse {worse} (at most {max(0.0, -min(gains)):.2f})", flush=True)
        if self.explain:
            for one, theirs in details.items():
                fit = ours[one, model].get("fitted")
                if fit and theirs.get(key) and sign * (fit[key] - theirs[key]) < -0.1:
                    print(f"  {one}: ours {json.dumps(fit)}, theirs {json.dumps(theirs)}")
        if worse > len(gains) / 20:
            self.faults.append(f"{name} {model}: {worse} of {len(gains)} fits are worse than those of {who}")


def check(table, name, given, supervisor):
    """All rows of one set."""
    found = references.series(given.data, name, given.series)
    season = references.SETS[name][3]
    seasons = [24, 168] if season == 24 else [season]
    # Each fit of R's `ets` to hourly data takes many seconds.
    ets = season < 24
    with tempfile.TemporaryDirectory() as folder:
        models = [*EXACT, *BENCHMARKS, *(["ets"] if ets else []), *(WIDE if ets else WIDE[:2]), *(["mstl"] if len(seasons) > 1 else [])]
        ours, _ = references.ours(supervisor, found, name, models, folder, seasons)
    sides = [("R forecast", *by_r(found, name, seasons, ets)),
             ("statsforecast", *by_statsforecast(found, name, seasons, ets))]
    if ets:
        sides.append(("statsmodels", *by_statsmodels(found, name, ours)))
    for model in (*EXACT, *BENCHMARKS, "ets", "mstl"):
        pairs = [table.forecasts(name, model, who, found, ours, forecasts) for who, forecasts, _ in sides
                 if any(other == model for _, other in forecasts)]
        fitted = model in ("ets", "holt", "damped", "comb")
        if pairs and not fitted and all(mine > 1.05 * theirs for mine, theirs in pairs):
            table.faults.append(f"{name} {model}: MASE {pairs[0][0]:.3f}, worse than all others")
        if given.explain and pairs:
            explain(model, found, ours, sides[0][1], given.explain)
    for model in ("holt", "damped"):
        table.likelihoods(name, f"{model}-wide", "R forecast", ours, {
            key: sides[0][1][key, f"{model}-fit"] for key, _, _ in found}, "log_likelihood")
    if ets:
        for who, _, details in sides:
            table.likelihoods(name, "ets-wide", who, ours, details,
                              "log_likelihood" if who == "statsmodels" else "aicc")


def explain(model, found, ours, theirs, count):
    """The series that differ most from R's forecast."""
    def far(key):
        mine, other = ours[key, model]["predictions"], theirs[key, model]
        return sum(abs(a - b) for a, b in zip(mine, other)) / max(sum(abs(b) for b in other), 1e-300)
    keys = [key for key, _, _ in found if (key, model) in theirs and (key, model) in ours]
    for key in sorted(keys, key=far, reverse=True)[:count]:
        print(f"  {key}: ours {ours[key, model]['predictions']}\n  {' ' * len(key)}  R    {theirs[key, model]}\n"
              f"  {' ' * len(key)}  fitted {json.dumps(ours[key, model].get('fitted'))}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", default="m3-yearly,m3-quarterly,m3-monthly,m4-yearly,m4-weekly,m4-hourly")
    options.add_argument("--series", type=int, default=60, help="so many of each set, evenly spaced")
    options.add_argument("--explain", type=int, default=0, help="show so many series that differ most")
    options.add_argument("--supervisor", help="default: the newest release build")
    options.add_argument("--data", default="../shared/data", help="where m3 and m4 are")
    options.add_argument("--environment", default="target/references", help="the virtual environment")
    given = options.parse_args()
    references.in_environment(given.environment)
    references.need_r()
    supervisor = build(given.supervisor, "cargo build --release")
    table = Table(given.explain)
    for name in given.sets.split(","):
        check(table, name, given, supervisor)
    for fault in table.faults:
        print(f"FAULT {fault}")
    sys.exit(1 if table.faults else 0)


if __name__ == "__main__":
    main()
