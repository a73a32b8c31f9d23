// Several objectives: all trials, the front of the search, and the finalists by their fresh means.

function chooseObjectives() {
  const { objectives } = page.data.sweep;
  if (objectives.length < 3) return "";
  const choose = (which) => {
    const change = (event) => {
      page.pair[which] = Number(event.target.value);
      redraw("front");
    };
    const options = objectives.map((one, at) =>
      h("option", { value: at, selected: page.pair[which] === at }, one.metric),
    );
    return h(
      "select",
      {
        "aria-label": which ? "second objective" : "first objective",
        "data-focus": `objective ${which}`,
        on: { change },
      },
      options,
    );
  };
  return h("div", { class: "tools" }, choose(0), choose(1));
}

// From the best in the second objective on, each that is better in the first than all before.
function frontOf(places, first, second, turned) {
  const ordered = [...places].sort((a, b) => turned[1] * (second[b] - second[a]) || turned[0] * (first[b] - first[a]));
  const front = [];
  for (const place of ordered)
    if (!front.length || turned[0] * first[place] > turned[0] * first[front.at(-1)]) front.push(place);
  return front;
}

// What no other is as good as in all objectives and better in one, however many objectives there are.
function undominated(places) {
  const { objectives } = page.data.sweep;
  const all = objectives.map((one, at) => {
    const turned = one.goal === "maximize" ? 1 : -1;
    return (at === 0 ? trials().value : trials().others[one.metric]).map((value) => turned * value);
  });
  const beaten = (place, by) =>
    all.every((values) => values[by] >= values[place]) && all.some((values) => values[by] > values[place]);
  return new Set(places.filter((place) => !places.some((other) => beaten(place, other))));
}

function drawFront(host) {
  const { objectives } = page.data.sweep;
  if (objectives.length < 2) return false;
  const pair = page.pair.map((at) => objectives[at]);
  const [first, second] = page.pair.map((at) => (at === 0 ? trials().value : trials().others[objectives[at].metric]));
  const turned = pair.map((one) => (one.goal === "maximize" ? 1 : -1));
  const usable = trials()
    .number.map((_, place) => place)
    .filter((place) => known(first[place]) && known(second[place]) && trials().state[place] !== "failed");
  if (!usable.length) return false;
  const fresh = page.data.front?.replicates ? page.data.front.points : [];
  const ends = (metric) =>
    fresh.flatMap((one) => [one.values[metric].low, one.values[metric].mean, one.values[metric].high]);
  const [b, a] = [pair[1], pair[0]];
  host.append(page.data.front ? h("p", {}, page.data.front.headline) : "", chooseObjectives());
  const f = frame(host, {
    height: 300,
    xs: extent([...usable.map((place) => second[place]), ...ends(b.metric)]),
    ys: extent([...usable.map((place) => first[place]), ...ends(a.metric)]),
    xText: `${b.metric} (${b.goal})`,
    yText: `${a.metric} (${a.goal})`,
    label: `${a.metric} against ${b.metric}`,
  });
  const compared = (place) => trials().within[place] && trials().state[place] === "complete";
  const front = frontOf(usable.filter(compared), first, second, turned);
  const best = undominated(usable.filter(compared));
  for (const place of usable) {
    const look = best.has(place) ? "best" : compared(place) ? "" : "stopped";
    const mark = s("circle", {
      class: `dot ${look}`,
      cx: f.x(second[place]),
      cy: f.y(first[place]),
      r: look === "best" ? 4.5 : 3,
    });
    f.plot.append(pickable(mark, trials().number[place], trialText(trials().number[place])));
  }
  f.plot.append(
    s("path", { class: "stair", d: stairs(front.map((place) => [f.x(second[place]), f.y(first[place])])) }),
  );
  for (const one of fresh) f.plot.append(freshMark(f, one, a.metric, b.metric));
  host.append(
    keys([
      ["--best", objectives.length > 2 ? "front of the search in all objectives; line: in these two" : "front of the search"],
      ["--other", "others"],
      ["--q1", "stopped early, or beyond a limit"],
      ...(fresh.length ? [["--warm", "finalists by fresh replicates"]] : []),
    ]),
  );
  if (page.data.front) drawFrontTable(host, page.data.front);
  return true;
}

function freshMark(f, point, a, b) {
  const [x, y] = [point.values[b], point.values[a]];
  const line = (x1, y1, x2, y2) => s("line", { stroke: "var(--warm)", x1, y1, x2, y2 });
  const mark = s("g", {}, s("path", { class: "validated", d: `M${f.x(x.mean)} ${f.y(y.mean) - 6}l6 6l-6 6l-6 -6Z` }));
  if (known(x.low) && known(x.high)) mark.append(line(f.x(x.low), f.y(y.mean), f.x(x.high), f.y(y.mean)));
  if (known(y.low) && known(y.high)) mark.append(line(f.x(x.mean), f.y(y.low), f.x(x.mean), f.y(y.high)));
  return pickable(mark, point.trial, trialText(point.trial));
}

function drawFrontTable(host, front) {
  const metrics = front.objectives.map((one) => one.metric);
  const shown = (one) => (known(one.low) && known(one.high) ? interval(one) : exact(one.mean));
  const rows = front.points
    .slice(0, 12)
    .map((one) => [
      [one.trial, one.default ? tag("default") : "", one.trial === front.knee?.trial ? tag("knee") : ""],
      ...metrics.map((metric) => shown(one.values[metric])),
      `${one.on_front ? "yes, " : ""}${chance(one.p_front)}`,
    ]);
  host.append(table(["trial", ...metrics, "front"], rows, { class: "small" }));
  const ends = front.hypervolume_interval;
  host.append(
    h(
      "p",
      { class: "quiet small" },
      `hypervolume ${short(front.hypervolume)}${ends ? ` [${short(ends[0])}, ${short(ends[1])}]` : ""}`,
    ),
    ...quietNotes(front.notes),
  );
}
