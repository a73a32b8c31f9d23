// The data, and what the reader has chosen.

const page = {
  data: null,
  picked: null, // number of a trial
  brushes: {}, // name of an axis -> [low, high] as shares of the axis
  boardSort: null, // [column, ascending]
  trialSort: ["trial", true],
  filter: "",
  brushedOnly: false,
  sheet: 0, // of the table of all trials
  pair: [0, 1], // objectives of the front
  opened: {}, // <details> by id
};

const trials = () => page.data.trials;
const columns = () => page.data.trials.columns;
const sign = () => (page.data.sweep.goal === "maximize" ? 1 : -1);

function taken(data) {
  page.data = data;
  page.places = new Map(data.trials.number.map((trial, place) => [trial, place]));
  page.rows = new Map(data.board.rows.map((row) => [row.trial, row]));
  page.bins = binned(data.trials.value);
  if (!page.places.has(page.picked)) page.picked = null;
}

// Five classes of scores, 4 the best fifth; null without a score.
function binned(values) {
  const order = values.map((value, place) => [value, place]).filter(([value]) => known(value));
  order.sort((a, b) => sign() * (a[0] - b[0]));
  const bins = values.map(() => null);
  order.forEach(([, place], rank) => (bins[place] = Math.min(4, Math.floor((5 * rank) / order.length))));
  return bins;
}

const best = () => page.data.board.winner ?? page.data.board.rows[0]?.trial ?? null;
const shown = () => page.picked ?? best();

function trialText(trial) {
  const place = page.places.get(trial);
  const { metric, unit } = page.data.sweep;
  const row = page.rows.get(trial);
  const lines = [`trial ${trial}: ${trials().state[place]}, ${plural(trials().steps[place], unit)}`];
  if (known(trials().value[place])) lines.push(`search ${metric} ${number(trials().value[place])}`);
  if (row && row.fresh) lines.push(`fresh ${metric} ${interval(row.fresh)}`);
  for (const [name, values] of Object.entries(trials().others))
    if (known(values[place])) lines.push(`${name} ${row?.others[name] ? interval(row.others[name]) : exact(values[place])}`);
  if (trials().network) lines.push(trials().network[place]);
  return lines.join("\n");
}

// A value of a column as people read it.
function told(column, value) {
  if (value === null || value === undefined) return "";
  return column.kind === "choice" ? column.levels[value] : short(value);
}
