// A config as YAML that every reader takes as it was meant: all digits, and a dot in every float (1.0e-05, not 1e-05).

function yamlScalar(column, value) {
  if (column.kind === "choice") return column.levels[value];
  return column.kind === "integer" ? String(value) : yamlFloat(value);
}

// The shortest digits that give the number back, with an exponent where Python has one.
function yamlFloat(value) {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e16)) return Number.isInteger(value) ? `${value}.0` : String(value);
  const [mantissa, exponent] = value.toExponential().split("e");
  return `${mantissa}${mantissa.includes(".") ? "" : ".0"}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function configYaml(trial) {
  const place = page.places.get(trial);
  const tree = new Map();
  for (const column of columns()) {
    const value = column.values[place];
    if (value === null) continue;
    let branch = tree;
    for (const key of column.keys.slice(0, -1)) {
      if (!branch.has(key)) branch.set(key, new Map());
      branch = branch.get(key);
    }
    branch.set(column.keys.at(-1), yamlScalar(column, value));
  }
  return tree.size ? yamlLines(tree, "").join("") : "{}\n";
}

function yamlLines(tree, indent) {
  return [...tree].flatMap(([key, value]) =>
    value instanceof Map ? [`${indent}${key}:\n`, ...yamlLines(value, `${indent}  `)] : [`${indent}${key}: ${value}\n`],
  );
}

// The clipboard needs a secure page; elsewhere the old command does, or the reader, on text that is selected.
async function copy(text, button) {
  const label = button.textContent;
  let done = false;
  if (navigator.clipboard && isSecureContext)
    done = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  if (!done) {
    const area = h("textarea", { css: { position: "fixed", opacity: "0" }, "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "copied" : "not allowed here: select the text";
  setTimeout(() => (button.textContent = label), 1500);
}
