// Numbers as people read them: the same as analysis/text.py writes.

const known = (value) => typeof value === "number" && Number.isFinite(value);

function number(value, digits = 4) {
  if (!known(value)) return "–";
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-3 && size < 1e5) ? value.toFixed(digits) : short(value, digits - 1);
}

// So many significant digits, without zeros at the end; an exponent has two digits at least.
function short(value, digits = 4) {
  if (!known(value)) return "–";
  const text = value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  const [mantissa, exponent] = text.split("e");
  const cut = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return exponent === undefined ? cut : `${cut}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

// For axes: three digits, and an exponent only where there is no other way.
function brief(value) {
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-3 && size < 1e6) ? String(Number(value.toPrecision(3))) : short(value, 3);
}

const signed = (value) => (known(value) ? (value < 0 ? "-" : "+") + Math.abs(value).toFixed(4) : "–");
const percent = (share) => (known(share) ? `${(100 * share).toFixed(share > 0 && share < 0.01 ? 1 : 0)} %` : "–");

// A chance is never told as certain.
const chance = (value) => (!known(value) ? "–" : value < 0.005 ? "<1 %" : value > 0.995 ? ">99 %" : percent(value));

// A whole number beyond 1 is a count.
function exact(value) {
  return known(value) && Math.abs(value) > 1 && Number.isSafeInteger(value) ? String(value) : number(value);
}

// With both ends where a bound of the metric cut one side.
function interval(value) {
  if (!value) return "–";
  const { mean, low, high } = value;
  if (!known(low) || !known(high)) return number(mean);
  const half = (high - low) / 2;
  if (half === 0) return exact(mean) === number(mean) ? `${number(mean)} ± ${number(half)}` : exact(mean);
  const equal = Math.abs(high + low - 2 * mean) <= Math.max(2e-6 * half, 1e-9 * Math.abs(mean));
  return equal ? `${number(mean)} ± ${number(half)}` : `${number(mean)} [${number(low)}, ${number(high)}]`;
}

function pValue(row) {
  if (!known(row.p_value)) return "–";
  if (row.rank === 1) return "best";
  if (row.p_value < 1e-3) return "<0.001";
  return row.p_value.toFixed(row.p_value.toFixed(3) === "0.050" ? 5 : 3);
}

function seconds(value) {
  if (!known(value)) return "–";
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  const two = (part) => String(part).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
