// What is handed over: ensemble, sealed test, importance, diagnostics.

function bar(name, share, text, low, high) {
  const outer = h("div", { class: "bar" }, h("i", { css: { width: `${Math.max(0, Math.min(100, 100 * share))}%` } }));
  if (known(low) && known(high))
    outer.append(
      h("i", {
        css: {
          left: `${100 * low}%`,
          width: `${Math.max(0.5, 100 * (Math.min(1, high) - low))}%`,
          top: "35%",
          bottom: "35%",
          background: "var(--text)",
        },
      }),
    );
  return [h("span", {}, name), outer, h("span", { class: "small" }, text)];
}

function drawEnsemble(host) {
  const { ensemble, ensemble_lines: lines, ensemble_note: note } = page.data;
  if (!ensemble) {
    host.append(h("p", { class: "quiet" }, note || "no ensemble"));
    return true;
  }
  const members = Object.entries(ensemble.weights).sort((a, b) => b[1] - a[1]);
  host.append(h("p", {}, h("strong", {}, ensemble.accepted ? "Accepted: " : "Refused: "), ensemble.verdict));
  host.append(
    h(
      "div",
      { class: "bars" },
      members.map(([trial, share]) => bar(`trial ${trial}`, share, percent(share))),
    ),
  );
  host.append(
    h(
      "ul",
      { class: "small" },
      lines.filter((line) => !/^(members|refused|accepted)/.test(line)).map((line) => h("li", {}, line)),
    ),
  );
  if (ensemble.trajectory?.length > 1) drawTrajectory(host, ensemble);
  if (ensemble.methods?.length > 1)
    host.append(
      table(
        ["method", `${ensemble.metric}, cross-fitted`],
        ensemble.methods.map((one) => [one.method, number(one.score)]),
        { class: "small" },
      ),
    );
  return true;
}

function drawTrajectory(host, ensemble) {
  const steps = ensemble.trajectory.filter((one) => known(one.selection_score) || known(one.score));
  const f = frame(host, {
    height: 190,
    xs: [1, Math.max(2, ...steps.map((one) => one.members))],
    ys: extent(steps.flatMap((one) => [one.selection_score, one.score])),
    xText: "models in the mixture",
    yText: ensemble.metric,
    label: "Score of the ensemble step by step",
  });
  const line = (key) => zigzag(steps.filter((one) => known(one[key])).map((one) => [f.x(one.members), f.y(one[key])]));
  f.plot.append(
    s("path", { class: "stair fresh", d: line("selection_score") }),
    s("path", { class: "stair", d: line("score") }),
  );
  host.append(
    keys([
      ["--best", "cross-fitted"],
      ["--warm", "on the examples it was chosen by"],
    ]),
  );
}

function drawTest(host) {
  if (!page.data.tests.length) return false;
  host.append(
    h(
      "ul",
      {},
      page.data.tests.map((line) => h("li", {}, line)),
    ),
  );
  host.append(
    h(
      "p",
      { class: "quiet small" },
      "Scored once, after the search and the replication, on data that no trial before could read.",
    ),
  );
  return true;
}

function drawSupernet(host) {
  const lines = page.data.supernet;
  if (!lines.length) return false;
  host.append(
    h(
      "ul",
      {},
      lines.map((line) => h("li", line.startsWith("warning: ") ? { class: "warning" } : {}, line)),
    ),
  );
  return true;
}

const quietNotes = (texts) => texts.map((text) => h("p", { class: "quiet small" }, text));

function drawImportance(host) {
  const { importance: found, importance_note: why } = page.data;
  if (!found) {
    host.append(...quietNotes([why]));
    return Boolean(trials().number.length);
  }
  const most = Math.max(...found.parameters.map((one) => one.high), 1e-9);
  const name = (one) => (one.active < 1 ? `${one.name} (active in ${percent(one.active)})` : one.name);
  host.append(
    h(
      "div",
      { class: "bars" },
      found.parameters.map((one) =>
        bar(name(one), one.share / most, percent(one.share), one.low / most, one.high / most),
      ),
    ),
  );
  host.append(...quietNotes([`${found.method}: ${found.words}. Thin bars: 95 % intervals.`]));
  const pairs = found.interactions.slice(0, 3).map((one) => `${one.first} with ${one.second} ${percent(one.share)}`);
  if (pairs.length) host.append(...quietNotes([`Together, beyond each alone: ${pairs.join(", ")}.`]));
  host.append(...found.warnings.map((text) => h("p", { class: "warning small" }, text)), ...quietNotes(found.notes));
  return true;
}

function drawDiagnostics(host) {
  const { diagnostics: found, diagnostics_note: why } = page.data;
  if (!found) {
    if (page.data.board.replicated) host.append(...quietNotes([why]));
    return page.data.board.replicated;
  }
  host.append(
    h(
      "p",
      {},
      `Trial ${found.trial}, ${found.part} part, ${found.predictions} predictions for ${found.examples} examples.`,
    ),
  );
  host.append(
    h(
      "dl",
      { class: "figures" },
      Object.entries(found.scores).map(([name, value]) => figure(name, number(value))),
    ),
  );
  const parts = h("div", { class: "grid" });
  const part = (title) => {
    const inner = h("div", { class: "part" }, h("h3", {}, title));
    parts.append(inner);
    return inner;
  };
  host.append(parts);
  if (found.confusion && found.names.length <= 30) drawConfusion(part("Confusion"), found);
  if (found.calibration) drawReliability(part("Reliability"), found.calibration);
  if (found.residuals) drawResiduals(part("Residuals"), found.residuals);
  if (found.classes.length) drawClasses(part(found.kind === "labels" ? "Labels" : "Classes"), found.classes);
  if (found.groups) drawGroups(part("Groups"), found.groups);
  host.append(...quietNotes(found.notes));
  return true;
}

const estimate = (one) => (one ? `${number(one.value)} [${number(one.low)}, ${number(one.high)}]` : "–");

function drawReliability(host, calibration) {
  const all = calibration.bins.map((bin) => ({
    x: bin.predicted,
    y: bin.observed.value,
    low: bin.observed.low,
    high: bin.observed.high,
    text: `${bin.count} predictions`,
  }));
  drawPoints(host, { x: `probability of ${calibration.of}`, y: "came true", points: all, diagonal: true });
  host.append(
    ...quietNotes([
      `expected calibration error ${number(calibration.ece)}, largest ${number(calibration.largest)}, Brier score ${number(calibration.brier)}, log loss ${number(calibration.log_loss)}`,
    ]),
  );
}

function drawResiduals(host, residuals) {
  const all = residuals.bins.map((bin) => ({
    x: (bin.low + bin.high) / 2,
    y: bin.mean,
    low: bin.mean - bin.sd,
    high: bin.mean + bin.sd,
    text: `${bin.count} predictions`,
  }));
  drawPoints(host, { x: "prediction", y: "residual, mean and standard deviation", points: all, level: 0 });
  host.append(
    ...quietNotes([
      `mean ${estimate(residuals.mean)}, RMSE ${number(residuals.rmse)}, MAE ${number(residuals.mae)}, skew ${number(residuals.skew)}`,
    ]),
  );
  const rows = residuals.worst
    .slice(0, 5)
    .map((one) => [one.row ?? "–", number(one.target), number(one.prediction), number(one.residual)]);
  if (rows.length) host.append(table(["row", "target", "prediction", "residual"], rows, { class: "small" }));
}

function drawClasses(host, classes) {
  const rows = [...classes]
    .sort((a, b) => (a.f1?.value ?? 0) - (b.f1?.value ?? 0))
    .slice(0, 12)
    .map((one) => [one.name, one.support, estimate(one.precision), estimate(one.recall)]);
  host.append(table(["worst first", "examples", "precision", "recall"], rows, { class: "small" }));
}

function drawGroups(host, groups) {
  const names = Object.keys(groups.rows[0]?.metrics ?? {});
  host.append(
    table(
      ["group", "examples", ...names],
      groups.rows.map((one) => [
        one.name,
        one.small ? `${one.count} (few)` : one.count,
        ...names.map((name) => estimate(one.metrics[name])),
      ]),
      { class: "small" },
    ),
  );
  if (groups.gaps.length)
    host.append(
      table(
        ["largest gap", "", "p"],
        groups.gaps.map((gap) => [gap.metric, estimate(gap.value), known(gap.p_value) ? gap.p_value.toFixed(3) : "–"]),
        { class: "small" },
      ),
    );
}

function drawConfusion(host, { names, confusion }) {
  const sums = confusion.map((row) => row.reduce((a, b) => a + b, 0));
  const cell = (value, row, column) => {
    const strength = sums[row] ? Math.round((70 * value) / sums[row]) : 0;
    const tone = row === column ? "--best" : "--warm";
    return h(
      "td",
      { css: { background: value ? `color-mix(in srgb, var(${tone}) ${Math.max(8, strength)}%, transparent)` : "" } },
      value || "·",
    );
  };
  host.append(
    table(
      ["is \\ said", ...names],
      confusion.map((row, at) => [h("strong", {}, names[at]), ...row.map((value, column) => cell(value, at, column))]),
      { class: "small tight" },
    ),
  );
}

// Points with intervals, and a guide: from corner to corner, or level.
function drawPoints(host, { x, y, points: all, diagonal, level }) {
  const xs = diagonal ? [0, 1] : extent(all.map((one) => one.x));
  const ys = diagonal ? [0, 1] : extent([...all.flatMap((one) => [one.y, one.low, one.high]), level]);
  const f = frame(host, { height: 250, xs, ys, xText: x, yText: y, label: `${y} by ${x}` });
  const [from, to] = diagonal ? [0, 1] : [level, level];
  f.plot.append(s("line", { class: "guide", x1: f.x(xs[0]), y1: f.y(from), x2: f.x(xs[1]), y2: f.y(to) }));
  for (const one of all) {
    if (known(one.low) && known(one.high))
      f.plot.append(
        s("line", { class: "tiedmark", x1: f.x(one.x), x2: f.x(one.x), y1: f.y(one.low), y2: f.y(one.high) }),
      );
    f.plot.append(s("circle", { class: "dot best", cx: f.x(one.x), cy: f.y(one.y), r: 3.5 }, s("title", {}, one.text)));
  }
}
