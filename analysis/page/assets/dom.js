// Elements. Text is always set as text, never as HTML: names in a sweep can hold anything.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "css") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// A hint at the pointer, or at what has the focus.
const tip = {
  element: null,
  show(text, x, y) {
    if (!this.element) document.body.append((this.element = h("div", { class: "tip", role: "tooltip" })));
    this.element.textContent = text;
    this.element.hidden = false;
    const box = this.element.getBoundingClientRect();
    this.element.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 8))}px`;
    this.element.style.top = `${y + 16 + box.height > innerHeight ? y - box.height - 8 : y + 16}px`;
  },
  hide() {
    if (this.element) this.element.hidden = true;
  },
};

// A mark of a drawing that stands for a trial: hint, click, keyboard.
function pickable(mark, trial, text) {
  mark.classList.add("pickable");
  mark.setAttribute("data-trial", trial);
  mark.addEventListener("pointerenter", (event) => tip.show(text, event.clientX, event.clientY));
  mark.addEventListener("pointerleave", () => tip.hide());
  mark.addEventListener("click", () => select(trial));
  return mark;
}

function table(columns, rows, attributes) {
  const head = h(
    "tr",
    {},
    columns.map((column) => h("th", { scope: "col" }, column)),
  );
  const body = rows.map((cells) =>
    h(
      "tr",
      {},
      cells.map((cell) => (cell instanceof Element && cell.tagName === "TD" ? cell : h("td", {}, cell))),
    ),
  );
  return h("div", { class: "scroll" }, h("table", attributes, h("thead", {}, head), h("tbody", {}, body)));
}

// A table of its own height, to be scrolled where it is long.
function tall(made) {
  made.classList.add("tall");
  made.setAttribute("tabindex", 0);
  return made;
}

function keys(entries) {
  const marks = entries.map(([color, text, hollow]) => {
    const mark = h("i", { css: hollow ? { border: `2px solid var(${color})` } : { background: `var(${color})` } });
    return h("span", {}, mark, text);
  });
  return h("div", { class: "keys" }, marks);
}
