// The search over time, its learning curves, and its front.

function drawHistory(host) {
  const { value, elapsed, state, number: numbers } = trials();
  const places = numbers
    .map((_, place) => place)
    .filter((place) => known(value[place]) && known(elapsed[place]) && ["complete", "stopped"].includes(state[place]));
  if (!places.length) return false;
  places.sort((a, b) => elapsed[a] - elapsed[b]);
  const { metric } = page.data.sweep;
  const fresh = ranked().filter((row) => page.places.has(row.trial) && known(elapsed[page.places.get(row.trial)]));
  const ends = [...places.map((place) => value[place]), ...fresh.map((row) => row.fresh.mean)];
  const last = elapsed[places.at(-1)];
  const full = [
    ...places.filter((place) => state[place] === "complete").map((place) => value[place]),
    ...fresh.map((row) => row.fresh.mean),
  ];
  const ys = full.length > 2 ? widened(robust(full)) : robust(ends);
  const f = frame(host, {
    height: 280,
    xs: extent([0, last], 0.02),
    ys,
    xText: "seconds of search",
    yText: metric,
    label: `${metric} of every trial over the time of the search`,
  });
  const inside = (y) => Math.max(f.top - 2, Math.min(f.bottom + 2, y));
  for (const place of places) {
    const mark = s("circle", {
      class: `dot ${state[place]}`,
      cx: f.x(elapsed[place]),
      cy: inside(f.y(value[place])),
      r: 3,
    });
    f.plot.append(pickable(mark, numbers[place], trialText(numbers[place])));
  }
  const line = record(
    places.filter((place) => state[place] === "complete").map((place) => [elapsed[place], value[place]]),
  );
  if (line.length)
    f.plot.append(
      s("path", {
        class: "stair",
        d: stairs([...line.map(([at, y]) => [f.x(at), f.y(y)]), [f.x(last), f.y(line.at(-1)[1])]]),
      }),
    );
  const found = fresh
    .map((row) => [elapsed[page.places.get(row.trial)], row.fresh.mean, row])
    .sort((a, b) => a[0] - b[0]);
  const validated = record(found.map(([at, mean]) => [at, mean]));
  if (validated.length)
    f.plot.append(
      s("path", {
        class: "stair fresh",
        d: stairs([...validated.map(([at, y]) => [f.x(at), f.y(y)]), [f.x(last), f.y(validated.at(-1)[1])]]),
      }),
    );
  for (const [at, mean, row] of found) {
    const [x, y] = [f.x(at), inside(f.y(mean))];
    f.plot.append(
      pickable(
        s("path", { class: "validated", d: `M${x} ${y - 6}L${x + 6} ${y}L${x} ${y + 6}L${x - 6} ${y}Z` }),
        row.trial,
        trialText(row.trial),
      ),
    );
  }
  host.append(
    keys([
      ["--other", "trained in full"],
      ["--q1", "stopped early (at the edge: beyond it)"],
      ["--best", "best search score of a full run so far"],
      ...(found.length ? [["--warm", "the same by fresh replicates of the finalists"]] : []),
    ]),
  );
  return true;
}

// Values at lower fidelities lie far off; what does not fit is drawn at the edge.
function widened([low, high]) {
  const more = high - low;
  return sign() > 0 ? [low - more, high] : [low, high + more];
}

// Where something better came: [x, y] of each improvement.
function record(points) {
  const better = [];
  for (const point of points) if (!better.length || sign() * point[1] > sign() * better.at(-1)[1]) better.push(point);
  return better;
}

function points(curve) {
  const found = [];
  for (let at = 0; at < curve.length; at += 2) if (known(curve[at + 1])) found.push([curve[at], curve[at + 1]]);
  return found;
}

function drawCurves(host) {
  const curves = page.data.curves.map(points);
  const steps = curves.flatMap((curve) => curve.map(([step]) => step));
  if (!curves.some((curve) => curve.length > 1)) return false;
  const { metric, unit, full } = page.data.sweep;
  const high = full ?? steps.reduce((a, b) => Math.max(a, b));
  const f = frame(host, {
    height: 280,
    xs: [1, Math.max(2, high)],
    xLog: high > 12,
    ys: robust(curves.flatMap((curve) => curve.map(([, y]) => y))),
    xText: unit,
    yText: metric,
    label: `Learning curves, ${metric} by ${unit}`,
  });
  for (const rung of page.data.rungs.length <= 12 ? page.data.rungs : []) {
    f.plot.append(s("line", { class: "guide", x1: f.x(rung), x2: f.x(rung), y1: f.top, y2: f.bottom }));
  }
  const path = (curve) => zigzag(curve.map(([step, y]) => [f.x(step), f.y(y)]));
  const bins = binned(curves.map((curve) => (curve.length > 1 ? curve.at(-1)[1] : null)));
  for (const bin of [0, 1, 2, 3, 4]) {
    const together = curves
      .filter((_, place) => bins[place] === bin)
      .map(path)
      .join("");
    if (together) f.plot.append(s("path", { class: `curve q${bin}`, d: together }));
  }
  for (const row of ranked()) {
    const mark = s("path", { class: "curve finalist", d: path(curves[page.places.get(row.trial)]) });
    f.plot.append(pickable(mark, row.trial, trialText(row.trial)));
  }
  if (page.picked !== null)
    f.plot.append(s("path", { class: "curve picked", d: path(curves[page.places.get(page.picked)]) }));
  host.append(
    h(
      "p",
      { class: "quiet small" },
      `The stronger the colour, the better the last value; finalists thick${page.data.rungs.length ? "; dashed: where trials were stopped" : ""}.`,
    ),
  );
  return true;
}
