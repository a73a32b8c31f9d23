// The network of the winner: the drawing that `assay show --graph` makes, and what differs from the default config's.

// All that a drawing is made of. Its style is the page's own, so that it is dark where the page is.
const DRAWN = {
  svg: ["width", "height", "viewBox"],
  g: ["transform"],
  rect: ["class", "x", "y", "width", "height", "rx", "fill", "stroke"],
  text: ["class", "x", "y", "text-anchor"],
  path: ["class", "d"],
  title: [],
};

const LONGEST = 200; // letters of a network that need not be asked for

// A copy of a node with what is known to be harmless, and nothing else; null for any other node.
function redrawn(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.namespaceURI !== SVG || !Object.hasOwn(DRAWN, node.localName)) return null;
  const attributes = DRAWN[node.localName]
    .map((name) => [name, node.getAttribute(name)])
    .filter(([name, value]) => !["fill", "stroke"].includes(name) || /^#[0-9a-f]{6}$/.test(value)); // no url(...)
  return s(node.localName, Object.fromEntries(attributes), [...node.childNodes].map(redrawn));
}

function drawingOf(found) {
  const drawing = redrawn(new DOMParser().parseFromString(found.svg, "image/svg+xml").documentElement);
  drawing.querySelector(":scope > title")?.remove(); // it would be a hint wherever the pointer is
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", `the network of trial ${found.trial}: ${found.text}`);
  return drawing;
}

function drawNetwork(host) {
  const found = page.data.network;
  if (!found) return false;
  const words = h("div", { class: "part" }, wordsOf(found.text));
  const shown = h("div", { class: "part" });
  host.append(h("div", { class: "pair even" }, shown, words));
  if (found.svg) {
    const frame = h("div", { class: "network", tabindex: 0, role: "group", "aria-label": "drawing" }, drawingOf(found));
    const turn = (event) => {
      const whole = frame.classList.toggle("fit");
      event.target.textContent = whole ? "full size" : "whole";
    };
    const button = h("button", { class: "plain", id: "fit", "data-focus": "fit", on: { click: turn } }, "whole");
    shown.append(frame, h("div", { class: "tools" }, button));
    const [first, outer] = [frame.querySelector("rect[rx='5']"), frame].map((one) => one?.getBoundingClientRect());
    const hidden = first && first.left + first.width > outer.left + outer.width;
    if (hidden) frame.scrollLeft += first.left + first.width / 2 - outer.left - outer.width / 2; // to the input
  } else shown.append(h("p", { class: "quiet", id: "network-note" }, found.note));
  words.append(...changesOf(found.trial), h("p", { class: "quiet small" }, "As a file: ", h("code", {}, found.command)));
  return true;
}

function wordsOf(text) {
  const words = h("p", { class: "small anywhere" }, text);
  return text.length > LONGEST ? fold("choices", "all choices", () => words) : words;
}

function changesOf(trial) {
  const place = page.places.get(trial);
  const changed = columns().filter((one) => NETWORK.test(one.name) && one.values[place] !== one.default);
  if (!changed.length) return [h("p", {}, "It is the network of the default config.")];
  const rows = changed.map((one) => [
    one.name.replace(NETWORK, ""),
    h("td", { class: "quiet" }, told(one, one.default) || "off"),
    told(one, one.values[place]) || "off",
  ]);
  const made = table(["parameter", "default", `trial ${trial}`], rows, { class: "small", id: "changes" });
  return [h("h3", {}, "What differs from the network of the default config"), tall(made)];
}
