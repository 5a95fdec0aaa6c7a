import canvas from "/static/canvas.js";
import { ask, askJson, element, withToken } from "/static/ask.js";

const SIDE = 420; // pixels of the square to draw on
const PEN = 18; // pixels: thin enough for several digits
const SHOWN = 10; // probabilities at most
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

// What is asked runs alone: the answer to an older question never overwrites a newer one's.
function latest(work) {
  let newest = 0;
  return async (...words) => {
    const mine = ++newest;
    try {
      byId("trouble").hidden = true;
      const show = await work(...words);
      if (mine === newest) show();
    } catch (error) {
      if (mine !== newest) return;
      byId("trouble").textContent = error.message;
      byId("trouble").hidden = false;
    }
  };
}

function showBars(table, probabilities) {
  let rows = Object.entries(probabilities);
  if (rows.length > SHOWN) rows = rows.sort((one, other) => other[1] - one[1]).slice(0, SHOWN);
  table.replaceChildren(
    ...rows.map(([label, p]) => {
      const row = element("tr");
      const cell = element("td");
      cell.append(element("meter", "", { value: p, max: 1, "aria-label": label }));
      row.append(element("td", label), cell, element("td", `${(100 * p).toFixed(1)} %`));
      return row;
    }),
  );
}

const describeTime = (server, whole) =>
  `${(1000 * server).toFixed(0)} ms in the server, ${whole.toFixed(0)} ms with the way there and back`;

function showBoxes(objects, width, height) {
  const svg = byId("boxes");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const size = Math.max(width, height) / 28;
  svg.replaceChildren();
  for (const { box, label, confidence } of objects) {
    const [x1, y1, x2, y2] = box;
    const rectangle = document.createElementNS(SVG, "rect");
    const shape = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, fill: "none", stroke: "#ffb000", "stroke-width": size / 6 };
    for (const [key, value] of Object.entries(shape)) rectangle.setAttribute(key, value);
    const text = document.createElementNS(SVG, "text");
    const above = y1 > 1.3 * size; // no room above: within the box
    const look = { x: x1, y: above ? y1 - size / 3 : y1 + size, fill: "#ffb000", "font-size": size, "font-weight": 700 };
    Object.assign(look, { stroke: "#000", "stroke-width": size / 5, "paint-order": "stroke" }); // readable on any picture
    for (const [key, value] of Object.entries(look)) text.setAttribute(key, value);
    text.textContent = `${label} ${(100 * confidence).toFixed(0)} %`;
    svg.append(rectangle, text);
  }
}

let picture = null; // the last one that was drawn or dropped, to ask another network about
const askPicture = latest(async () => {
  const { path, name } = JSON.parse(byId("picture-network").value);
  const form = new FormData();
  form.append("image", picture);
  const begin = performance.now();
  const answer = await (await ask(`${path}?model=${encodeURIComponent(name)}`, form)).json();
  const whole = performance.now() - begin;
  const seen = byId("seen");
  URL.revokeObjectURL(seen.src);
  seen.src = URL.createObjectURL(picture);
  await seen.decode();
  return () => {
    seen.hidden = false;
    const found = answer.objects;
    seen.alt = `the picture, with ${found.length} boxes`;
    showBoxes(answer.probabilities ? [] : found, seen.naturalWidth, seen.naturalHeight);
    byId("picture-said").textContent = answer.probabilities
      ? `It says: ${found[0].label}`
      : `${found.length} found${found.length ? ": " + found.map((one) => one.label).join(", ") : ""}`;
    showBars(byId("picture-bars"), answer.probabilities ?? {});
    byId("picture-time").textContent = describeTime(answer.processing_time, whole);
  };
});

function offer(blob) {
  picture = blob;
  if (blob) askPicture();
}

const draw = latest(async () => {
  const { path, name } = JSON.parse(byId("image-network").value);
  const wanted = { count: Number(byId("count").value), seed: Number(byId("seed").value) };
  const begin = performance.now();
  const answer = await ask(`${path}?model=${encodeURIComponent(name)}`, JSON.stringify(wanted), "application/json");
  const image = await answer.blob();
  const whole = performance.now() - begin;
  return () => {
    URL.revokeObjectURL(byId("drawn").src);
    byId("drawn").src = URL.createObjectURL(image);
    byId("drawn").alt = `${wanted.count} images that the network has drawn`;
    byId("drawn").hidden = false;
    byId("image-time").textContent = describeTime(Number(answer.headers.get("x-processing-time")), whole);
  };
});

const read = latest(async () => {
  const { path, name } = JSON.parse(byId("text-network").value);
  const begin = performance.now();
  const answer = await askJson(`${path}?model=${encodeURIComponent(name)}`, { text: byId("text").value });
  const whole = performance.now() - begin;
  return () => {
    showBars(byId("text-bars"), answer.probabilities);
    byId("text-time").textContent = describeTime(answer.processing_time, whole);
  };
});

function prepareCanvas() {
  const holder = byId("canvas");
  const values = { side: SIDE, label: "Draw a digit" };
  // The canvas speaks to a notebook's model, as which this page acts: a value that is not empty is a stroke more.
  const model = {
    get: (name) => values[name],
    set: (name, value) => (values[name] = value),
    save_changes: () => values.value && holder.querySelector("canvas").toBlob(offer, "image/png"),
  };
  canvas.render({ model, el: holder });
  holder.querySelector("canvas").getContext("2d").lineWidth = PEN;
}

function prepareDrop() {
  const place = byId("drop");
  for (const name of ["dragenter", "dragover"])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
  for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => place.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    offer(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => offer(event.clipboardData.files[0]));
  byId("file").addEventListener("change", (event) => offer(event.target.files[0]));
}

function fill(section, select, networks) {
  byId(section).hidden = networks.length === 0;
  byId(select).replaceChildren(
    ...networks.map((one) => element("option", `${one.name} (${one.about})`, { value: JSON.stringify(one) })),
  );
}

const start = latest(async () => {
  const { served } = await (await ask("/")).json();
  return () => {
    const at = (...paths) => served.filter((one) => paths.includes(one.path));
    fill("pictures", "picture-network", at("/detect", "/classify"));
    fill("images", "image-network", at("/generate"));
    fill("texts", "text-network", at("/predict"));
  };
});

byId("to-api").href = withToken("/api");
prepareCanvas();
prepareDrop();
byId("picture-network").addEventListener("change", () => picture && askPicture());
byId("generate").addEventListener("click", draw);
byId("read").addEventListener("click", read);
start();
