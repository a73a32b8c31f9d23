// Scales and axes.

function linear(low, high, from, to) {
  const span = high - low || 1;
  const scale = (value) => from + ((Math.max(-1e300, Math.min(1e300, value)) - low) / span) * (to - from);
  scale.ticks = (count) => linearTicks(low, high, count);
  scale.text = tickText;
  return scale;
}

function logarithmic(low, high, from, to) {
  const inner = linear(Math.log10(low), Math.log10(high), from, to);
  const scale = (value) => inner(Math.log10(value));
  scale.ticks = () => logTicks(low, high);
  scale.text = (value) => brief(value);
  return scale;
}

function linearTicks(low, high, count = 5) {
  if (!(high > low) || !Number.isFinite(high - low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  if (!(step > 0) || !Number.isFinite(step)) return [low, high];
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9 && ticks.length < 50; at++)
    ticks.push(at * step);
  return ticks;
}

function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const stride = Math.max(1, Math.ceil(decades / 6));
  const factors = decades < 2.5 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; power += stride) {
    for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(3)));
  }
  const inside = ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  return inside.length >= 2 ? inside : [low, high];
}

function tickText(value, ticks) {
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : Math.abs(value);
  const size = Math.max(...ticks.map(Math.abs), Math.abs(value));
  if (value !== 0 && (size >= 1e6 || size < 1e-3)) return short(value, 3);
  return value.toFixed(Math.max(0, Math.min(8, -Math.floor(Math.log10(step || 1) + 1e-9))));
}

// The ends of what is to be seen, with some air; one value gets a range around it.
function extent(values, air = 0.05) {
  const finite = values.filter(known).map((value) => Math.max(-1e300, Math.min(1e300, value)));
  if (!finite.length) return [0, 1];
  let low = finite.reduce((a, b) => Math.min(a, b));
  let high = finite.reduce((a, b) => Math.max(a, b));
  if (low === high) [low, high] = [low - (Math.abs(low) * 0.05 || 0.5), high + (Math.abs(high) * 0.05 || 0.5)];
  const gap = (high / 2 - low / 2) * 2 * air;
  return [low - gap, high + gap];
}

// The ends without the worst values, which would squeeze the rest together.
function robust(values, air = 0.05) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (sorted.length < 20) return extent(sorted, air);
  const cut = Math.floor(sorted.length * 0.04);
  return extent(sign() > 0 ? sorted.slice(cut) : sorted.slice(0, sorted.length - cut), air);
}

let clips = 0;

// A frame with axes: {svg, plot (clipped), x, y, left, right, top, bottom}.
function frame(
  host,
  { height = 260, xs, ys, xText, yText, xLog = false, label, left = 56, yTicks = true, margin = 34 },
) {
  const width = Math.max(260, host.clientWidth || 560);
  const [right, top, bottom] = [width - 10, yText ? 24 : 8, height - margin];
  const x = (xLog ? logarithmic : linear)(xs[0], xs[1], left, right);
  const y = linear(ys[0], ys[1], bottom, top);
  const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const xTicks = x.ticks(width < 420 ? 4 : 7);
  for (const tick of xTicks) {
    svg.append(s("line", { class: "tick", x1: x(tick), x2: x(tick), y1: top, y2: bottom }));
    svg.append(s("text", { x: x(tick), y: bottom + 14, "text-anchor": "middle" }, x.text(tick, xTicks)));
  }
  const yShown = yTicks ? y.ticks(5) : [];
  for (const tick of yShown) {
    svg.append(s("line", { class: "tick", x1: left, x2: right, y1: y(tick), y2: y(tick) }));
    svg.append(s("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, y.text(tick, yShown)));
  }
  svg.append(s("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  if (xText) svg.append(s("text", { x: right, y: height - 4, "text-anchor": "end" }, xText));
  if (yText) svg.append(s("text", { x: 0, y: 11, class: "name" }, yText));
  const id = `clip${clips++}`;
  svg.append(
    s("clipPath", { id }, s("rect", { x: left - 6, y: top - 4, width: right - left + 12, height: bottom - top + 8 })),
  );
  const plot = s("g", { "clip-path": `url(#${id})` });
  svg.append(plot);
  host.append(svg);
  return { svg, plot, x, y, left, right, top, bottom, width };
}

const stairs = (points) =>
  points.map(([x, y], at) => (at ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}`)).join("");
const zigzag = (points) => points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
