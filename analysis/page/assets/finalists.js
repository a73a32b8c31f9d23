// Drawings of the finalists: intervals, differences, paired runs, search against fresh scores, who beats whom.

const ranked = () => page.data.board.rows.filter((row) => row.fresh);

function drawForest(host) {
  const rows = ranked();
  if (!rows.length) return false;
  const { metric, goal } = page.data.sweep;
  const ends = rows.flatMap((row) => [
    row.fresh.low,
    row.fresh.high,
    row.fresh.mean,
    known(row.optimism) ? row.search_score : null,
  ]);
  const height = 70 + 24 * rows.length;
  const f = frame(host, {
    height,
    xs: extent(ends),
    ys: [rows.length - 0.5, -0.5],
    yTicks: false,
    left: 96,
    xText: `${metric} (${goal})`,
    label: `Means of ${metric} with intervals`,
  });
  const top = rows.find((row) => row.trial === page.data.board.winner) ?? rows[0];
  f.plot.append(
    s("line", { class: "guide", x1: f.x(top.fresh.mean), x2: f.x(top.fresh.mean), y1: f.top, y2: f.bottom }),
  );
  rows.forEach((row, at) => {
    const y = f.y(at);
    const look = row.tied ? "tiedmark" : "othermark";
    const mark = s(
      "g",
      {},
      s("line", {
        class: `reach ${look}`,
        x1: f.x(row.fresh.low ?? row.fresh.mean),
        x2: f.x(row.fresh.high ?? row.fresh.mean),
        y1: y,
        y2: y,
      }),
      s("circle", { class: look, cx: f.x(row.fresh.mean), cy: y, r: 4.5 }),
    );
    if (known(row.optimism)) mark.append(s("circle", { class: "hollow", cx: f.x(row.search_score), cy: y, r: 4.5 }));
    if (known(row.shrunk))
      mark.append(s("line", { class: "shrunk", x1: f.x(row.shrunk), x2: f.x(row.shrunk), y1: y - 7, y2: y + 7 }));
    f.plot.append(pickable(mark, row.trial, trialText(row.trial)));
    f.svg.append(
      s(
        "text",
        { class: row.trial === top.trial ? "strong" : "name", x: f.left - 10, y: y + 4, "text-anchor": "end" },
        `${row.trial}${row.default ? " default" : ""}`,
      ),
    );
  });
  const shrunk = rows.some((row) => known(row.shrunk)) ? [["--text", "drawn towards the others (stroke)"]] : [];
  host.append(
    keys([
      ["--best", "tied for best"],
      ["--other", "worse than the best"],
      ["--warm", "search score", true],
      ...shrunk,
    ]),
  );
  return true;
}

function drawDifferences(host) {
  const rows = ranked().filter((row) => row.difference_interval);
  if (rows.length < 2) return false;
  const { metric } = page.data.sweep;
  const { rope } = page.data.board;
  const ends = [0, ...rows.flatMap((row) => row.difference_interval), ...(rope ? [rope, -rope] : [])];
  const f = frame(host, {
    height: 70 + 24 * rows.length,
    xs: extent(ends),
    ys: [rows.length - 0.5, -0.5],
    yTicks: false,
    left: 96,
    xText: `how much worse in ${metric}`,
    label: "Simultaneous intervals of the differences",
  });
  if (rope)
    f.plot.append(
      s("rect", {
        fill: "var(--faint)",
        x: f.x(-rope),
        width: f.x(rope) - f.x(-rope),
        y: f.top,
        height: f.bottom - f.top,
      }),
    );
  f.plot.append(s("line", { class: "guide", x1: f.x(0), x2: f.x(0), y1: f.top, y2: f.bottom }));
  rows.forEach((row, at) => {
    const [low, high] = row.difference_interval.map((end, side) => end ?? (side ? f.x.ticks().at(-1) : f.x.ticks()[0]));
    const look = row.tied ? "tiedmark" : "othermark";
    const mark = s(
      "g",
      {},
      s("line", { class: `reach ${look}`, x1: f.x(low), x2: f.x(high), y1: f.y(at), y2: f.y(at) }),
    );
    if (known(row.difference)) mark.append(s("circle", { class: look, cx: f.x(row.difference), cy: f.y(at), r: 3.5 }));
    f.plot.append(pickable(mark, row.trial, `trial ${row.trial}: worse by ${number(low)} to ${number(high)}`));
    f.svg.append(s("text", { class: "name", x: f.left - 10, y: f.y(at) + 4, "text-anchor": "end" }, row.trial));
  });
  host.append(
    h(
      "p",
      { class: "quiet small" },
      `Each against its best rival; the intervals hold together. An interval that reaches 0 belongs to a config that may be the best.${rope ? " Grey: too small to matter." : ""}`,
    ),
  );
  return true;
}

function replicateValues() {
  const found = new Map();
  for (const one of page.data.replicates) {
    if (!known(one.value)) continue;
    if (!found.has(one.of)) found.set(one.of, new Map());
    found.get(one.of).set(one.split, one.value);
  }
  return found;
}

function drawPaired(host) {
  const values = replicateValues();
  const order = [
    ...ranked().map((row) => row.trial),
    ...[...values.keys()].filter((trial) => !page.rows.get(trial)?.fresh),
  ].filter((trial) => values.has(trial));
  if (!order.length) return false;
  const splits = [...new Set([...values.values()].flatMap((runs) => [...runs.keys()]))].sort((a, b) => a - b);
  const all = [...values.values()].flatMap((runs) => [...runs.values()]);
  const { metric } = page.data.sweep;
  const f = frame(host, {
    height: 250,
    xs: [-0.4, order.length - 0.6 || 0.4],
    ys: extent(all),
    yText: metric,
    label: `${metric} of every replicate, runs with the same seed and split joined`,
  });
  for (const text of f.svg.querySelectorAll(`text[text-anchor="middle"]`)) text.remove();
  for (const line of f.svg.querySelectorAll(".tick"))
    if (line.getAttribute("x1") === line.getAttribute("x2")) line.remove();
  order.forEach((trial, at) =>
    f.svg.append(s("text", { class: "name", x: f.x(at), y: f.bottom + 14, "text-anchor": "middle" }, trial)),
  );
  f.svg.append(s("text", { x: f.right, y: f.bottom + 30, "text-anchor": "end" }, "finalist, best first"));
  for (const split of splits) {
    const points = order
      .map((trial, at) => [f.x(at), values.get(trial).get(split)])
      .filter(([, value]) => known(value));
    f.plot.append(
      s("path", { class: "curve", stroke: "var(--q2)", d: zigzag(points.map(([x, value]) => [x, f.y(value)])) }),
    );
  }
  order.forEach((trial, at) => {
    for (const [split, value] of values.get(trial)) {
      f.plot.append(
        pickable(
          s("circle", {
            class: `dot ${page.rows.get(trial)?.tied ? "best" : ""}`,
            cx: f.x(at),
            cy: f.y(value),
            r: 3.5,
          }),
          trial,
          `trial ${trial}, seed and split ${split}: ${number(value)}`,
        ),
      );
    }
  });
  host.append(
    h(
      "p",
      { class: "quiet small" },
      "A line joins the runs with one seed and split: where lines are parallel, the luck of a split is shared and cancels in the comparison.",
    ),
  );
  return true;
}

function drawOptimism(host) {
  const rows = ranked().filter((row) => known(row.optimism));
  if (rows.length < 2) return false;
  const { metric } = page.data.sweep;
  const ends = extent(rows.flatMap((row) => [row.search_score, row.fresh.mean, row.fresh.low, row.fresh.high]));
  const f = frame(host, {
    height: 250,
    xs: ends,
    ys: ends,
    xText: `search ${metric}`,
    yText: `fresh ${metric}`,
    label: "Search scores against fresh means",
  });
  f.plot.append(s("line", { class: "guide", x1: f.x(ends[0]), y1: f.y(ends[0]), x2: f.x(ends[1]), y2: f.y(ends[1]) }));
  for (const row of rows) {
    const look = row.tied ? "tiedmark" : "othermark";
    const x = f.x(row.search_score);
    const mark = s(
      "g",
      {},
      s("line", {
        class: look,
        x1: x,
        x2: x,
        y1: f.y(row.fresh.low ?? row.fresh.mean),
        y2: f.y(row.fresh.high ?? row.fresh.mean),
      }),
      s("circle", { class: look, cx: x, cy: f.y(row.fresh.mean), r: 4 }),
    );
    f.plot.append(pickable(mark, row.trial, `${trialText(row.trial)}\noptimism ${signed(row.optimism)}`));
  }
  host.append(
    h(
      "p",
      { class: "quiet small" },
      `On the dashed line a search score keeps its word; ${sign() > 0 ? "below" : "above"} it the score was too good.`,
    ),
  );
  return true;
}

function drawSuperiority(host) {
  const chances = new Map(page.data.board.superiority.map((one) => [`${one.better} ${one.than}`, one.probability]));
  const order = ranked().map((row) => row.trial);
  if (!chances.size || order.length < 2) return false;
  const read = (a, b) => chances.get(`${a} ${b}`) ?? (chances.has(`${b} ${a}`) ? 1 - chances.get(`${b} ${a}`) : null);
  const size = Math.max(30, Math.min(44, ((host.clientWidth || 500) - 60) / order.length));
  const [width, height] = [52 + size * order.length, 26 + size * order.length];
  const svg = s("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": "Chance that a run of the row beats a run of the column",
  });
  order.forEach((a, row) => {
    svg.append(s("text", { class: "name", x: 46, y: 26 + size * (row + 0.5) + 4, "text-anchor": "end" }, a));
    svg.append(s("text", { class: "name", x: 52 + size * (row + 0.5), y: 16, "text-anchor": "middle" }, a));
    order.forEach((b, column) => {
      const chance = a === b ? null : read(a, b);
      const strength = known(chance) ? Math.round(Math.abs(chance - 0.5) * 130) : 0;
      const color = known(chance)
        ? `color-mix(in srgb, var(${chance > 0.5 ? "--best" : "--warm"}) ${strength}%, var(--card))`
        : "var(--faint)";
      svg.append(
        s("rect", { class: "cell", fill: color, x: 52 + size * column, y: 26 + size * row, width: size, height: size }),
      );
      if (known(chance))
        svg.append(
          s(
            "text",
            { class: "name", x: 52 + size * (column + 0.5), y: 26 + size * (row + 0.5) + 4, "text-anchor": "middle" },
            chance < 0.005 ? "<1" : chance > 0.995 ? ">99" : Math.round(100 * chance),
          ),
        );
    });
  });
  host.append(
    h("div", { class: "scroll" }, svg),
    h(
      "p",
      { class: "quiet small" },
      "Chance in per cent that a run of the row beats a run of the column with the same seed and split; 50 is no difference.",
    ),
  );
  return true;
}
