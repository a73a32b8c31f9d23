// Parallel coordinates. Each axis can be brushed; a parameter that is not active lies in a lane of its own.

const LANE = 26; // below an axis

function axes() {
  const { value } = trials();
  const searched = columns().filter((column) => column.searched && new Set(column.values).size > 1);
  const [low, high] = robust(value, 0);
  return [
    ...searched,
    { name: page.data.sweep.metric, kind: "float", values: value, low, high, log: false, score: true },
  ];
}

// Share of the axis, 0 at its top; beyond 1 in the lane of what is off; null without a value.
function share(axis, value) {
  if (value === null || value === undefined) return null;
  if (axis.kind === "choice") return axis.levels.length > 1 ? value / (axis.levels.length - 1) : 0.5;
  const [at, low, high] = axis.log ? [value, axis.low, axis.high].map(Math.log10) : [value, axis.low, axis.high];
  return 1 - Math.max(0, Math.min(1, high > low ? (at - low) / (high - low) : 0.5));
}

const lane = (top, bottom) => (bottom - top + LANE) / (bottom - top);

// What is shown by all brushes; the table of trials asks the same.
function brushed() {
  const chosen = axes().filter((axis) => page.brushes[axis.name]);
  return trials().number.map((_, place) =>
    chosen.every((axis) => {
      const [from, to] = page.brushes[axis.name];
      const at = share(axis, axis.values[place]) ?? 1.2;
      return at >= from - 1e-9 && at <= to + 1e-9;
    }),
  );
}

function drawParallel(host) {
  const all = axes();
  const places = trials()
    .number.map((_, place) => place)
    .filter((place) => known(trials().value[place]));
  if (all.length < 2 || !places.length) return false;
  const width = Math.max(host.clientWidth || 700, 78 * all.length);
  const [top, bottom] = [40, 300];
  const height = bottom + LANE + 22;
  const x = (at) => 46 + (at * (width - 92)) / (all.length - 1);
  const y = (part) => top + part * (bottom - top);
  const svg = s("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "group",
    "aria-label": "Parallel coordinates of all trials with a score",
    id: "parallel-plot",
  });
  const lines = s("g", {});
  svg.append(lines);
  const off = all.map((axis) => places.some((place) => axis.values[place] === null));
  const spread = (place) => (((trials().number[place] * 0.618034) % 1) - 0.5) * 0.06;
  const marks = new Map();
  const order = [...places].sort((a, b) => (page.bins[a] ?? 0) - (page.bins[b] ?? 0));
  for (const place of order) {
    const at = all.map((axis, index) => {
      const part = share(axis, axis.values[place]);
      if (part === null) return [x(index), bottom + LANE + spread(place) * 60];
      return [x(index), y(axis.kind === "choice" && axis.levels.length > 1 ? part + spread(place) : part)];
    });
    const mark = pickable(
      s("path", { class: `trial q${page.bins[place]}`, d: zigzag(at), "pointer-events": "stroke" }),
      trials().number[place],
      trialText(trials().number[place]),
    );
    marks.set(place, mark);
    lines.append(mark);
  }
  const count = h("span", { class: "quiet small", id: "brushed", role: "status" });
  const clear = h(
    "button",
    {
      class: "plain",
      "data-focus": "clear brushes",
      on: {
        click: () => {
          page.brushes = {};
          update();
          for (const axis of drawn) axis();
        },
      },
    },
    "clear",
  );
  const update = () => {
    const inside = brushed();
    let left = 0;
    for (const [place, mark] of marks) {
      mark.classList.toggle("out", !inside[place]);
      mark.classList.toggle("picked", trials().number[place] === page.picked);
      left += inside[place];
    }
    const any = Object.keys(page.brushes).length;
    count.textContent = any
      ? `${left} of ${plural(marks.size, "trial")}`
      : "Drag along an axis to choose; with the keyboard: Tab to an axis, arrows, Escape.";
    clear.hidden = !any;
    if (page.brushedOnly) redraw("trials");
  };
  const drawn = all.map((axis, index) =>
    drawAxis(svg, axis, {
      at: x(index),
      top,
      bottom,
      off: off[index],
      first: index === 0,
      last: index === all.length - 1,
      update,
    }),
  );
  host.append(
    h("div", { class: "scroll" }, svg),
    h("div", { class: "tools" }, count, clear),
    keys([
      ["--q0", "worst fifth"],
      ["--q2", `by search ${page.data.sweep.metric}`],
      ["--q4", "best fifth"],
    ]),
  );
  update();
  return true;
}

// One axis with its brush; returns what draws the brush anew.
function drawAxis(svg, axis, { at, top, bottom, off, first, last, update }) {
  const end = off ? lane(top, bottom) : 1;
  const y = (part) => top + part * (bottom - top);
  const anchor = first ? "start" : last ? "end" : "middle";
  const edge = first ? at - 40 : last ? at + 40 : at;
  const plain = axis.name.replace(NETWORK, "");
  const name = plain.length > 15 ? `${plain.slice(0, 14)}…` : plain;
  svg.append(
    s(
      "text",
      { class: axis.score ? "strong" : "name", x: edge, y: 14, "text-anchor": anchor },
      name,
      s("title", {}, axis.name),
    ),
  );
  svg.append(s("line", { class: "axis", "stroke-width": 1.5, x1: at, x2: at, y1: top, y2: bottom }));
  const labels =
    axis.kind === "choice"
      ? axis.levels.map((text, place) => [text, share(axis, place)])
      : [axis.high, axis.low].map((end, part) => [axis.kind === "integer" ? String(end) : brief(end), part]);
  const step = Math.ceil(labels.length / 9);
  labels
    .filter((_, place) => place % step === 0)
    .forEach(([text, part]) => {
      const outside =
        axis.kind === "choice"
          ? { x: at + (last ? -6 : 6), y: y(part) + 4, "text-anchor": last ? "end" : "start" }
          : { x: at, y: part ? bottom + 13 : top - 6, "text-anchor": "middle" };
      svg.append(
        s(
          "text",
          { ...outside, "paint-order": "stroke", stroke: "var(--card)", "stroke-width": 3 },
          String(text).slice(0, 14),
        ),
      );
    });
  if (off) svg.append(s("text", { x: at, y: bottom + LANE + 14, "text-anchor": "middle" }, "off"));
  const box = s("rect", { class: "brush", x: at - 9, width: 18 });
  const show = () => {
    const range = page.brushes[axis.name];
    box.setAttribute("visibility", range ? "visible" : "hidden");
    if (range) box.setAttribute("y", y(range[0]) - 2);
    if (range) box.setAttribute("height", Math.max(2, y(range[1]) - y(range[0]) + 4));
  };
  const hit = s("rect", {
    class: "hit",
    x: at - 14,
    y: top - 8,
    width: 28,
    height: y(end) - top + 16,
    tabindex: 0,
    role: "button",
    "aria-label": `choose a range of ${axis.name}`,
    "data-axis": axis.name,
    "data-focus": `axis ${axis.name}`,
  });
  const set = (range) => {
    if (range) page.brushes[axis.name] = range;
    else delete page.brushes[axis.name];
    show();
    update();
  };
  brushByPointer(hit, svg, set, (part) => Math.max(-0.02, Math.min(end + 0.02, part)), top, bottom);
  hit.addEventListener("keydown", (event) => brushByKey(event, page.brushes[axis.name], set, end));
  svg.append(box, hit);
  show();
  return show;
}

function brushByPointer(hit, svg, set, inside, top, bottom) {
  let start = null;
  const part = (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientY - box.top) * svg.viewBox.baseVal.height) / box.height;
    return inside((at - top) / (bottom - top));
  };
  hit.addEventListener("pointerdown", (event) => {
    start = part(event);
    hit.setPointerCapture(event.pointerId);
  });
  hit.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const now = part(event);
    if (Math.abs(now - start) > 0.01) set([Math.min(start, now), Math.max(start, now)]);
  });
  hit.addEventListener("pointerup", (event) => {
    if (start !== null && Math.abs(part(event) - start) <= 0.01) set(null);
    start = null;
  });
}

// Up and down move the range, with Shift its lower end alone; the first press takes a quarter.
function brushByKey(event, range, set, end) {
  const step = { ArrowUp: -0.05, ArrowDown: 0.05 }[event.key];
  if (event.key === "Escape") set(null);
  if (!step) return;
  event.preventDefault();
  if (!range) set(step > 0 ? [0, 0.25] : [end - 0.25, end]);
  else if (event.shiftKey) set([range[0], Math.max(range[0] + 0.02, Math.min(end, range[1] + step))]);
  else {
    const moved = Math.max(-range[0], Math.min(end - range[1], step));
    set([range[0] + moved, range[1] + moved]);
  }
}
