// All trials of the search: filter, sort, pages of fifty.

const SHEET = 50;

function trialColumns() {
  const all = trials();
  const { metric, unit } = page.data.sweep;
  const facts = [
    ["trial", all.number, String],
    ["state", all.state, String],
    [metric, all.value, (value) => number(value)],
    ...Object.entries(all.others).map(([name, values]) => [name, values, exact]),
    [unit, all.steps, String],
    ["time", all.seconds, seconds],
    ...(all.network ? [["architecture", all.network, String]] : []),
  ];
  return [
    ...facts.map(([name, values, text]) => ({ name, values, text })),
    ...columns()
      .filter((column) => column.searched)
      .map((column) => ({
        name: column.name,
        values: column.values,
        text: (value) => told(column, value),
        column,
        hidden: Boolean(all.network) && NETWORK.test(column.name), // told in a column of their own; to filter by
      })),
  ];
}

// "lr<1e-3 sgd state=failed": every word has to hold; a word without a sign is looked for in the whole row.
function matcher(filter, shownColumns) {
  const words = filter.trim().split(/\s+/).filter(Boolean);
  const tests = words.map((word) => {
    const parts = word.match(/^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/);
    const column = parts && shownColumns.find((one) => one.name === parts[1]);
    if (!column)
      return (place) =>
        shownColumns.some((one) => one.text(one.values[place]).includes(word)) || trials().reason[place].includes(word);
    const [, , sign, wanted] = parts;
    const compare = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };
    return (place) => {
      const value = column.values[place];
      const text = column.text(value);
      if (sign === "=" || sign === "!=")
        return (
          (text === wanted || (known(value) && !column.column?.levels && value === Number(wanted))) === (sign === "=")
        );
      const own = column.column?.levels ? Number(text) : value;
      return value !== null && compare[sign](own, Number(wanted));
    };
  });
  return (place) => tests.every((test) => test(place));
}

function drawTrials(host) {
  const all = trialColumns();
  const count = trials().number.length;
  const input = h("input", {
    type: "search",
    id: "filter",
    "data-focus": "filter",
    value: page.filter,
    placeholder: "filter, such as: state=complete lr<1e-3",
    "aria-label": "filter the trials",
  });
  const only = h("input", { type: "checkbox", checked: page.brushedOnly, "data-focus": "brushed only" });
  const body = h("div", { id: "trial-table" });
  input.addEventListener("input", () => {
    page.filter = input.value;
    page.sheet = 0;
    drawSheet(body, all);
  });
  only.addEventListener("change", () => {
    page.brushedOnly = only.checked;
    page.sheet = 0;
    drawSheet(body, all);
  });
  host.append(
    h(
      "div",
      { class: "tools" },
      input,
      h("label", { class: "small" }, only, " only those chosen in the parallel coordinates"),
    ),
    body,
  );
  drawSheet(body, all);
  return count > 0;
}

function drawSheet(body, every) {
  const test = matcher(page.filter, every);
  const all = every.filter((one) => !one.hidden);
  const inside = page.brushedOnly ? brushed() : null;
  const places = trials()
    .number.map((_, place) => place)
    .filter((place) => test(place) && (!inside || inside[place]));
  const by = all.find((one) => one.name === page.trialSort[0]) ?? all[0];
  const key = (place) => by.values[place];
  const turned = page.trialSort[1] ? 1 : -1;
  places.sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    if (one === null || other === null) return (one === null) - (other === null) || a - b;
    return one < other ? -turned : one > other ? turned : a - b;
  });
  page.sheet = Math.max(0, Math.min(page.sheet, Math.ceil(places.length / SHEET) - 1));
  const from = page.sheet * SHEET;
  const heads = sortable(
    all.map((one) => [one.name]),
    page.trialSort,
    (sort) => {
      page.trialSort = sort;
      drawSheet(body, every);
    },
  );
  const failed = trials().state.includes("failed");
  const cells = (place) => [
    ...all.map((one) => one.text(one.values[place])),
    ...(failed ? [trials().reason[place].slice(0, 80)] : []),
  ];
  const rows = places
    .slice(from, from + SHEET)
    .map((place) =>
      pickRow(trials().number[place], cells(place), { class: trials().number[place] === page.picked ? "picked" : "" }),
    );
  const turn = (step, text) =>
    h(
      "button",
      {
        class: "plain",
        disabled: from + step * SHEET < 0 || from + step * SHEET >= places.length,
        on: {
          click: () => {
            page.sheet += step;
            drawSheet(body, every);
          },
        },
      },
      text,
    );
  const told = places.length ? `${from + 1} to ${Math.min(places.length, from + SHEET)} of ${places.length}` : "none";
  const hadFocus = document.activeElement?.getAttribute("data-focus");
  body.replaceChildren(
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, heads, failed ? h("th", { scope: "col" }, "reason") : null)),
        h("tbody", {}, rows),
      ),
    ),
    h(
      "div",
      { class: "tools" },
      turn(-1, "back"),
      h("span", { class: "quiet small", role: "status" }, told),
      turn(1, "on"),
    ),
  );
  if (hadFocus) body.querySelector(`[data-focus="${CSS.escape(hadFocus)}"]`)?.focus();
}
